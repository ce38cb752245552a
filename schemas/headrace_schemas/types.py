"""Types of columns: Spark SQL's DDL as a contract may use it, read without Spark.

Only what a Delta table can hold is a type here: no intervals, no VOID, no VARIANT. Names of nested
fields keep the case in which they are written.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Literal, NamedTuple, Self

from headrace_schemas.declarations.declaration import Frozen


class Family(StrEnum):
    """What a type's values are."""

    FLAG = "flag"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    BYTES = "bytes"
    TIME = "time"
    NESTED = "nested"


class TypeTraits(NamedTuple):
    """What is known of all types with one stem.

    Attributes:
        arguments: What follows the stem, for messages; empty for a type that is written by it alone.
        synonyms: Further words for it.
        bits: Of an integer.
    """

    family: Family
    arguments: str = ""
    synonyms: tuple[str, ...] = ()
    bits: int = 0


TYPES = {
    "BOOLEAN": TypeTraits(Family.FLAG),
    "TINYINT": TypeTraits(Family.INTEGER, synonyms=("BYTE",), bits=8),
    "SMALLINT": TypeTraits(Family.INTEGER, synonyms=("SHORT",), bits=16),
    "INT": TypeTraits(Family.INTEGER, synonyms=("INTEGER",), bits=32),
    "BIGINT": TypeTraits(Family.INTEGER, synonyms=("LONG",), bits=64),
    "FLOAT": TypeTraits(Family.FLOAT, synonyms=("REAL",)),
    "DOUBLE": TypeTraits(Family.FLOAT),
    "DECIMAL": TypeTraits(Family.DECIMAL, "(p,s)", ("DEC", "NUMERIC")),
    "STRING": TypeTraits(Family.TEXT),
    "VARCHAR": TypeTraits(Family.TEXT, "(n)"),
    "CHAR": TypeTraits(Family.TEXT, "(n)", ("CHARACTER",)),
    "BINARY": TypeTraits(Family.BYTES),
    "DATE": TypeTraits(Family.TIME),
    "TIMESTAMP": TypeTraits(Family.TIME, synonyms=("TIMESTAMP_LTZ",)),
    "TIMESTAMP_NTZ": TypeTraits(Family.TIME),
    "ARRAY": TypeTraits(Family.NESTED, "<type>"),
    "MAP": TypeTraits(Family.NESTED, "<type, type>"),
    "STRUCT": TypeTraits(Family.NESTED, "<name: type, ...>"),
}
"""Every type by its stem. All other sets of types are made of this one."""


def stems(*families: Family) -> frozenset[str]:
    """The types of some families."""
    return frozenset(stem for stem, traits in TYPES.items() if traits.family in families)


SYNONYMS = {word: stem for stem, traits in TYPES.items() for word in traits.synonyms}
INTEGERS = stems(Family.INTEGER)
FLOATS = stems(Family.FLOAT)
NUMBERS = stems(Family.INTEGER, Family.FLOAT, Family.DECIMAL)
TEXTS = stems(Family.TEXT)
TIMES = stems(Family.TIME)
NESTED = stems(Family.NESTED)
SIMPLE = frozenset(stem for stem, traits in TYPES.items() if not traits.arguments)
BITS = {stem: traits.bits for stem, traits in TYPES.items() if traits.bits}

KNOWN = tuple(f"{stem}{traits.arguments}" for stem, traits in TYPES.items())
"""For messages."""

MOST_DIGITS = 38
DEEPEST = 32
"""Levels of nesting that are read; more is a mistake."""

TOKEN = re.compile(
    r"\s*(?:(?P<quoted>`(?:[^`]|``)+`)|(?P<text>'(?:[^'\\]|\\.|'')*')"
    r"|(?P<word>\w+)|(?P<sign>[<>(),:])|(?P<other>\S))"
)


class TypeInvalid(ValueError):
    """A text that is no type of a column."""


class Field(Frozen):
    """A field of a STRUCT, whose name keeps its case."""

    name: str
    type: "ColumnType"


class ColumnType(Frozen):
    """One type.

    Attributes:
        stem: Its canonical name without arguments, such as `DECIMAL` or `STRUCT`.
        precision: Digits of a DECIMAL; 10 where none is given, as Spark has it.
        scale: Those of them behind the point; 0 where none is given.
        length: Most characters of a VARCHAR or CHAR.
        fields: Of a STRUCT.
        key: Of a MAP.
        element: Of an ARRAY; of a MAP, its values.
    """

    stem: str
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fields: tuple[Field, ...] = ()
    key: "ColumnType | None" = None
    element: "ColumnType | None" = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read DDL such as `DECIMAL(10,2)` or `STRUCT<lat: DOUBLE, lon: DOUBLE>`.

        Raises:
            TypeInvalid: It is none of `KNOWN`; the message says what is wrong.
        """
        parser = TypeParser(text)
        found = parser.type()
        if parser.peek():
            raise TypeInvalid(f"{parser.peek()!r} follows the type {found.ddl}")
        return cls.model_validate(found.model_dump())

    @property
    def ddl(self) -> str:
        """Its one spelling, without blanks; nested names are quoted where Spark needs it."""
        if self.stem == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})"
        if self.length is not None:
            return f"{self.stem}({self.length})"
        if self.stem == "ARRAY" and self.element is not None:
            return f"ARRAY<{self.element.ddl}>"
        if self.stem == "MAP" and self.key is not None and self.element is not None:
            return f"MAP<{self.key.ddl},{self.element.ddl}>"
        if self.stem == "STRUCT":
            inner = ",".join(f"{named(field.name)}:{field.type.ddl}" for field in self.fields)
            return f"STRUCT<{inner}>"
        return self.stem

    @property
    def children(self) -> tuple["ColumnType", ...]:
        """The types directly inside."""
        inner = (self.key, self.element, *(field.type for field in self.fields))
        return tuple(child for child in inner if child is not None)

    def walk(self) -> Iterator["ColumnType"]:
        """Itself and every type inside."""
        yield self
        for child in self.children:
            yield from child.walk()


def named(field: str) -> str:
    """A field's name in DDL."""
    is_word = re.fullmatch(r"[A-Za-z_]\w*", field, re.ASCII)
    return field if is_word else "`" + field.replace("`", "``") + "`"


class TypeParser:
    """Reads types from a text, one token ahead."""

    def __init__(self, text: str) -> None:
        self.tokens = [
            (str(found.lastgroup), found.group().strip()) for found in TOKEN.finditer(text)
        ]
        self.at = 0

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        """Take the next token."""
        token = self.peek()
        self.at += 1
        return token

    def expect(self, sign: str) -> None:
        """Take one that must be there."""
        if (found := self.next()) != sign:
            raise TypeInvalid(f"{sign!r} is expected, {found or 'the end'!r} found")

    def type(self, depth: int = 0) -> ColumnType:
        """One type with all that is inside."""
        if depth > DEEPEST:
            raise TypeInvalid(f"is nested more than {DEEPEST} levels deep")
        word = self.next()
        stem = SYNONYMS.get(word.upper(), word.upper())
        if stem in SIMPLE:
            return ColumnType(stem=stem)
        if stem == "DECIMAL":
            return self.decimal()
        if stem in ("VARCHAR", "CHAR"):
            (length,) = self.numbers(stem, 1)
            if length < 1:
                raise TypeInvalid(f"{stem}({length}) holds nothing")
            return ColumnType(stem=stem, length=length)
        if stem == "ARRAY":
            self.expect("<")
            element = self.type(depth + 1)
            self.expect(">")
            return ColumnType(stem=stem, element=element)
        if stem == "MAP":
            return self.map(depth)
        if stem == "STRUCT":
            return self.struct(depth)
        raise TypeInvalid(f"{word or 'nothing'!r} is not a type; use {', '.join(KNOWN)}")

    def decimal(self) -> ColumnType:
        """What follows DECIMAL."""
        precision, scale = 10, 0
        if self.peek() == "(":
            given = self.numbers("DECIMAL", 2)
            precision, scale = given[0], given[1] if len(given) > 1 else 0
        if not 1 <= precision <= MOST_DIGITS or not 0 <= scale <= precision:
            raise TypeInvalid(
                f"DECIMAL({precision},{scale}): give 1 to {MOST_DIGITS} digits, not more of them "
                "behind the point"
            )
        return ColumnType(stem="DECIMAL", precision=precision, scale=scale)

    def numbers(self, stem: str, most: Literal[1, 2]) -> list[int]:
        """Whole numbers in parentheses."""
        self.expect("(")
        found = []
        while True:
            token = self.next()
            if not re.fullmatch(r"[0-9]{1,9}", token):
                raise TypeInvalid(f"{stem} needs a whole number in parentheses, found {token!r}")
            found.append(int(token))
            if len(found) == most or self.peek() != ",":
                self.expect(")")
                return found
            self.next()

    def map(self, depth: int) -> ColumnType:
        """What follows MAP."""
        self.expect("<")
        key = self.type(depth + 1)
        self.expect(",")
        element = self.type(depth + 1)
        self.expect(">")
        if any(inner.stem == "MAP" for inner in key.walk()):
            raise TypeInvalid("a MAP cannot be a key of a MAP")
        return ColumnType(stem="MAP", key=key, element=element)

    def struct(self, depth: int) -> ColumnType:
        """What follows STRUCT."""
        self.expect("<")
        fields: list[Field] = []
        while True:
            fields.append(self.field(depth))
            sign = self.next()
            if sign == ">":
                break
            if sign != ",":
                raise TypeInvalid(f"',' or '>' is expected in STRUCT, {sign or 'the end'!r} found")
        names = [field.name.lower() for field in fields]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise TypeInvalid(f"STRUCT has a field twice: {', '.join(doubled)}")
        return ColumnType(stem="STRUCT", fields=tuple(fields))

    def field(self, depth: int) -> Field:
        """One field: `name: type`, with a comment or not; NOT NULL cannot be promised inside."""
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        name = self.next()
        if kind not in ("word", "quoted"):
            raise TypeInvalid(f"STRUCT needs a field's name, found {name or 'the end'!r}")
        if self.peek() == ":":
            self.next()
        type = self.type(depth + 1)
        if self.peek().upper() == "NOT":
            raise TypeInvalid(f"NOT NULL of field {name} cannot be kept; say it by a rule")
        if self.peek().upper() == "COMMENT":
            self.next()
            self.next()
        return Field(name=name[1:-1].replace("``", "`") if kind == "quoted" else name, type=type)


Field.model_rebuild()
