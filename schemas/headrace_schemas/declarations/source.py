"""Sources: which files someone delivers, and how they are written.

Defaults are strict: what a file has otherwise is declared, never guessed.
"""

import codecs
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.extension_options import options_of
from headrace_schemas.declarations.source_formats import SOURCES
from headrace_schemas.declarations.time_format import check_format, has_offset
from headrace_schemas.types import NUMBERS, TIMES, ColumnType

PLACEHOLDER = "{partition}"
"""Of `Source.files`: stands for the key of the partition that is built."""

NO_QUOTE = "none"
"""The word for a source whose values are never quoted."""

NOT_FOR_FILES = frozenset(
    {
        "idna",
        "punycode",
        "raw-unicode-escape",
        "unicode-escape",
        "undefined",
        "utf-7",
        "mbcs",
        "oem",
    }
)
"""Encodings that Python knows and that no file is written in."""

GROUP_SIGNS = (".", ",", "'", "\u2019", " ", "\u00a0", "\u202f", "_")

FORMS = (
    "delimiter",
    "quote",
    "encoding",
    "header",
    "trim_header",
    "unnamed_columns",
    "skip_lines",
    "comment",
    "last_line",
    "null_values",
)
"""What is said of a CSV file and of no other."""


def as_list(given: object) -> object:
    """One text is short for a list of one."""
    return [given] if isinstance(given, str) else given


def quoted_words(given: object) -> object:
    """YAML reads `yes`, `no` and `1` as something else than texts."""
    if isinstance(given, list) and not all(isinstance(word, str) for word in given):
        raise ValueError('write each value in quotes, such as ["yes", "1"]')
    return given


def is_format(name: str) -> str:
    """Someone reads it."""
    return SOURCES.named(name).name


def is_decimal_sign(decimal: str) -> str:
    """Nobody writes another."""
    if decimal not in (".", ","):
        raise ValueError('is "." or ","')
    return decimal


def is_group_sign(thousands: str) -> str:
    """Refuse what stands in numbers for something else."""
    if thousands and thousands not in GROUP_SIGNS:
        raise ValueError("""is "." "," "'" " " or "_", or "" for none""")
    return thousands


def can_be_read(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Each is a pattern or a word for a count."""
    return tuple(check_format(pattern) for pattern in formats)


Formats = Annotated[
    tuple[str, ...],
    BeforeValidator(as_list),
    AfterValidator(can_be_read),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One format or several."""

Words = Annotated[tuple[str, ...], BeforeValidator(quoted_words)]
FormatName = Annotated[str, AfterValidator(is_format), WithJsonSchema(SOURCES.schema())]
DecimalSign = Annotated[str, AfterValidator(is_decimal_sign)]
GroupSign = Annotated[str, AfterValidator(is_group_sign)]


class ColumnReading(Frozen):
    """How one column is written; what is not given is as in the rest of its source.

    Attributes:
        format: How its dates or times are written, as in `timestamp_format`.
        decimal: The sign before the fraction of a number.
        thousands: The sign between groups of digits; empty for none.
        true_values: Texts of a BOOLEAN that mean true.
        false_values: Texts of a BOOLEAN that mean false.
    """

    format: Formats | None = None
    decimal: DecimalSign | None = None
    thousands: GroupSign | None = None
    true_values: Words | None = None
    false_values: Words | None = None


class ValueNotation(Frozen):
    """How values are written.

    Attributes:
        decimal: The sign before the fraction of a number.
        thousands: The sign between groups of digits; empty for none.
        true_values: Texts of a BOOLEAN that mean true; with `false_values` no other text is one.
        false_values: Texts of a BOOLEAN that mean false.
    """

    decimal: DecimalSign = "."
    thousands: GroupSign = ""
    true_values: Words = ()
    false_values: Words = ()

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """Refuse signs and words that mean two things."""
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}")
        if bool(self.true_values) != bool(self.false_values):
            raise ValueError("give `true_values` and `false_values` together")
        if both := set(self.true_values) & set(self.false_values):
            raise ValueError(f"{min(both)!r} is among `true_values` and `false_values`")
        return self


class ValueForm(ValueNotation):
    """How the values of one column are written, with all that its source says."""

    formats: tuple[str, ...] = ()


class Source(ValueNotation):
    """Files that someone delivers.

    Attributes:
        files: Path below the landing root; `{partition}` stands for the key, `*` for anything. A
            table with partitions names it once, one without does not.
        format: `csv`, `parquet`, or the name of a format that an extension reads.
        options: What that extension wants to know; nothing for Headrace's own formats.
        null_values: Texts of a CSV that mean "no value".
        delimiter: The character between values.
        quote: The character around values that hold a delimiter or a line end, doubled inside;
            `none` if values are never quoted.
        encoding: Any that Python knows, such as `utf-8`, `windows-1252` or `utf-16`.
        header: Whether the first line names the columns; if not, they are the contract's in order.
        trim_header: Whether blanks around the names of the header are passed over.
        unnamed_columns: Whether columns without a name, such as pandas' index, are refused or dropped.
        skip_lines: How many lines stand before the header.
        comment: The character with which a line begins that is passed over; empty for none.
        last_line: `complete` if the last line must end, so that a file that was cut is found out;
            `any` if it need not.
        timestamp_format: Patterns such as `dd/MM/yyyy HH:mm`, or `epoch_seconds` and the like, for
            columns of a time; ISO 8601 if none is given.
        date_format: The same for columns of type DATE.
        columns: Columns that are written otherwise, by name.
    """

    files: str
    format: FormatName = "csv"
    options: dict[str, Any] = Field(default_factory=dict)
    null_values: tuple[str, ...] = ("",)
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    trim_header: bool = False
    unnamed_columns: Literal["refuse", "drop"] = "refuse"
    skip_lines: int = Field(default=0, ge=0, le=1000)
    comment: str = ""
    last_line: Literal["complete", "any"] = "complete"
    timestamp_format: Formats = ()
    date_format: Formats = ()
    columns: dict[str, ColumnReading] = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def stays_below_landing(cls, files: str) -> str:
        """Refuse a path that leaves the landing root."""
        if files.startswith("/") or ".." in Path(files).parts:
            raise ValueError("must be a path below the landing root, without '..'")
        return files

    @field_validator("files")
    @classmethod
    def knows_its_placeholder(cls, files: str) -> str:
        """Refuse braces that are not `{partition}`: they would be looked for as they stand."""
        others = files.replace(PLACEHOLDER, "")
        if found := re.search(r"\{[^{}]*\}|[{}]", others):
            raise ValueError(
                f"{found[0]} stands for nothing: the only placeholder is {PLACEHOLDER}. Write ? for "
                "a brace in a file's name"
            )
        if files.count(PLACEHOLDER) > 1:
            raise ValueError(f"names {PLACEHOLDER} twice; write * for the other one")
        return files

    @field_validator("delimiter", mode="before")
    @classmethod
    def is_delimiter(cls, delimiter: object) -> str:
        """One character that can stand between values."""
        if delimiter in ("\\t", "tab"):
            return "\t"
        return sign(delimiter, 'one character in quotes, such as ";", "|" or "\\t"')

    @field_validator("quote", mode="before")
    @classmethod
    def is_quote(cls, quote: object) -> str:
        """One character, or the word for none."""
        if quote == NO_QUOTE:
            return NO_QUOTE
        return sign(quote, """one character in quotes, such as '"' or "'", or none""")

    @field_validator("comment", mode="before")
    @classmethod
    def is_comment(cls, comment: object) -> str:
        """One character; YAML takes a bare # as nothing."""
        return "" if comment == "" else sign(comment, 'one character in quotes, such as "#"')

    @field_validator("encoding")
    @classmethod
    def is_known(cls, encoding: str) -> str:
        """Python has a codec for it, and files are written in it."""
        try:
            "".encode(encoding)
            known = codecs.lookup(encoding).name.replace("_", "-") not in NOT_FOR_FILES
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError(
                "there is no such encoding; write one of utf-8, windows-1252, iso-8859-1, "
                "iso-8859-15, utf-16, cp437, shift_jis, gb18030 or another that Python knows"
            )
        return encoding

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Refuse options that contradict each other or the format."""
        options_of(SOURCES.named(self.format).options, self.options)
        if self.format != "csv":
            fields = type(self).model_fields
            file = "Parquet" if self.format == "parquet" else self.format
            if given := [
                option for option in FORMS if getattr(self, option) != fields[option].default
            ]:
                raise ValueError(f"a {file} file has no `{given[0]}`: that is said of CSV only")
        signs = {"delimiter": self.delimiter, "quote": self.quote, "comment": self.comment}
        for option, other in (
            ("delimiter", "quote"),
            ("delimiter", "comment"),
            ("quote", "comment"),
        ):
            if signs[option] == signs[other]:
                raise ValueError(f"`{option}` and `{other}` are both {signs[option]!r}")
        if not self.is_quoted and self.delimiter in (self.decimal, self.thousands):
            raise ValueError(
                f"values with {self.delimiter!r} inside cannot be told apart: without quotes it is "
                "the delimiter"
            )
        if not self.header and (self.trim_header or self.unnamed_columns == "drop"):
            raise ValueError("`trim_header` and `unnamed_columns` speak of a header; there is none")
        for name in self.columns:
            self.form_of(name, "STRING")
        return self

    def names(self, key: str) -> str:
        """The pattern, below the landing root, of the files of the batch that is called `key`."""
        return self.files.replace(PLACEHOLDER, key)

    @property
    def is_quoted(self) -> bool:
        """Whether values may be quoted."""
        return self.quote != NO_QUOTE

    def form_of(self, column: str, stem: str) -> ValueForm:
        """How a column of a type is written: by the source's words, or its own."""
        fields = {name: getattr(self, name) for name in ValueNotation.model_fields}
        own = self.columns.get(column, ColumnReading())
        fields |= own.model_dump(exclude={"format"}, exclude_none=True)
        formats = self.date_format if stem == "DATE" else self.timestamp_format
        return ValueForm(**fields, formats=formats if own.format is None else own.format)


def sign(given: object, expected: str) -> str:
    """One character that is none of letters, digits, line ends.

    Raises:
        ValueError: Saying what is expected.
    """
    is_one = isinstance(given, str) and len(given) == 1 and ord(given) < 0xFFFF
    # Spark's reader takes one 16-bit character, and has its own mind about a backslash.
    if (
        not is_one
        or given in ("\n", "\r", "\0", "\\", "\ufeff")
        or (unicodedata.category(str(given))[0] in "LNM" or "\ud800" <= str(given) <= "\udfff")
    ):
        raise ValueError(f"is {expected}; no letter, digit, backslash or line end")
    return str(given)


def misfits(source: Source, contract: Contract) -> list[tuple[str, str]]:
    """What a source says of columns that the contract's types cannot have.

    Returns:
        Key below `columns` and what is wrong with it, for each.
    """
    found = []
    for name, own in source.columns.items():
        column = contract.column(name)
        if column is None:
            found.append((name, f"{contract.name} has no column {name}"))
            continue
        stem = ColumnType.parse(column.type).stem
        kinds = {
            "format": TIMES,
            "decimal": NUMBERS,
            "thousands": NUMBERS,
            "true_values": {"BOOLEAN"},
            "false_values": {"BOOLEAN"},
        }
        found += [
            (f"{name}.{key}", f"says nothing of {column.type}; only of {', '.join(sorted(types))}")
            for key, types in kinds.items()
            if getattr(own, key) is not None and stem not in types
        ]
    for column in contract.columns:
        stem = ColumnType.parse(column.type).stem
        if stem == "TIMESTAMP_NTZ":
            formats = source.form_of(column.name, stem).formats
            found += [
                (
                    f"{column.name}.format",
                    f"{pattern!r} has an offset, which TIMESTAMP_NTZ would lose",
                )
                for pattern in formats
                if has_offset(pattern)
            ]
    return found
