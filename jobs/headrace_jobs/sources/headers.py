"""A CSV file's header: what is wrong with it, and which option of its source would help."""

from collections import Counter
from collections.abc import Sequence

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid

DELIMITERS = (",", ";", "\t", "|")


def columns_of(
    source: Source, contract: Contract, file: str, header: Sequence[str]
) -> tuple[str, ...]:
    """The columns of a file by name; empty for one that is dropped.

    Args:
        header: The first record's values.

    Raises:
        SchemaBroken, SourceInvalid: Naming the option by which the header is read.
    """
    known = contract.column_names
    if not source.header:
        if folded(header) == folded(known):
            raise SourceInvalid(file, "begins with a header", "Declare `header: true`.")
        return known
    check_first_line(source, contract, file, header)
    if source.unnamed_columns == "refuse" and not all(column.strip() for column in header):
        unnamed = [f"number {n}" for n, column in enumerate(header, start=1) if not column.strip()]
        raise SchemaBroken(
            contract.name,
            f"{file} has a column without a name",
            unnamed,
            "Name it; or declare `unnamed_columns: drop`, as for the index that pandas writes.",
        )
    padded = [column for column in header if column != column.strip() and column.strip() in known]
    if padded:
        raise SchemaBroken(
            contract.name,
            f"{file} names columns with blanks around them",
            [repr(column) for column in padded],
            "Take them away, or declare `trim_header: true`.",
        )
    doubled = sorted(name for name, count in Counter(header).items() if count > 1 and name.strip())
    if doubled:
        raise SchemaBroken(
            contract.name,
            f"{file} has a column twice",
            doubled,
            "Name each column once; or declare `header: false` and `skip_lines: 1`, and columns are "
            "the contract's in order.",
        )
    return tuple(column if column.strip() else "" for column in header)


def check_first_line(source: Source, contract: Contract, file: str, header: Sequence[str]) -> None:
    """Refuse a first line that is no header, or is written with another delimiter.

    Its texts are not shown: they may be a row's values.
    """
    known = set(folded(contract.column_names))
    if known & set(folded(header)):
        return
    line = source.delimiter.join(header)
    for delimiter in DELIMITERS:
        found = {cell.strip('"') for cell in folded(line.split(delimiter))}
        if delimiter != source.delimiter and found & known:
            raise SourceInvalid(
                file,
                f"its values are not parted by {source.delimiter!r}",
                f"Declare `delimiter: {delimiter!r}`.".replace("'", '"'),
                source.skip_lines + 1,
            )
    raise SourceInvalid(
        file,
        f"its first line names no column of {contract.name}",
        "Name the columns there, or declare `header: false` if there is no header and `skip_lines` "
        "if other lines stand before it.",
        source.skip_lines + 1,
    )


def folded(names: Sequence[str]) -> list[str]:
    """Names to compare where people mean the same."""
    return [name.strip().casefold() for name in names]
