"""Files of one batch as one frame: each set of equal files is typed by itself, then all are united.

United first, their types would be made equal by Spark's own rules, which change values in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from headrace_jobs.lake.schema_change import column_type, is_wider
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.rules.rule import quoted


@dataclass(frozen=True)
class FileGroup:
    """Some files of the batch in the contract's types.

    Attributes:
        where: One of them, for messages.
    """

    frame: DataFrame
    where: str


def united(table: str, groups: Sequence[FileGroup], known: Sequence[str]) -> DataFrame:
    """All groups of files as one frame.

    Args:
        known: Columns that are of the contract's types in all of them.

    Raises:
        SchemaBroken: A column that is kept without being known has types that no one type holds.
    """
    if len(groups) == 1:
        return groups[0].frame
    types: dict[str, tuple[DataType, str]] = {}
    held = set(known)
    for group in groups:
        for field in group.frame.schema.fields:
            if field.name in held:
                continue
            type, where = types.setdefault(field.name.lower(), (field.dataType, group.where))
            wider = containing(type, field.dataType)
            if wider is None:
                raise SchemaBroken(
                    table,
                    "files give a column different types",
                    [
                        f"{field.name} is {type.simpleString()} in {where} and "
                        f"{field.dataType.simpleString()} in {group.where}"
                    ],
                    "Deliver it in one type, or add it to the contract.",
                )
            types[field.name.lower()] = (wider, where)
    frames = [widened(group.frame, types, held) for group in groups]
    while len(frames) > 1:  # by halves: a chain is deeper than Spark Connect's messages may be
        pairs = [frames[at : at + 2] for at in range(0, len(frames), 2)]
        frames = [
            pair[0].unionByName(pair[1], allowMissingColumns=True) if pair[1:] else pair[0]
            for pair in pairs
        ]
    return frames[0]


def widened(frame: DataFrame, types: dict[str, tuple[DataType, str]], held: set[str]) -> DataFrame:
    """The frame with its unknown columns in the batch's types."""
    columns = []
    for field in frame.schema.fields:
        column = F.col(quoted(field.name))
        if field.name not in held:
            column = column.cast(types[field.name.lower()][0]).alias(field.name)
        columns.append(column)
    return frame.select(*columns)


def containing(left: DataType, right: DataType) -> DataType | None:
    """Which of two types holds each value of both exactly; None if neither does."""
    for narrow, wide in ((left, right), (right, left)):
        is_same = narrow.simpleString() == wide.simpleString()
        if is_same or is_wider(column_type(narrow), column_type(wide)):
            return wide
    return None
