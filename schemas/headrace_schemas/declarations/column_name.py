"""Names of columns: which are Headrace's own, which two are one to Spark, which need a mapping."""

import re
from collections import Counter
from collections.abc import Iterable

RESERVED = "_"
"""What the names of all of Headrace's own columns begin with, and no name of a contract or a file."""

PARTITION = "_partition"
"""The column by which the tables are partitioned: the partition's key."""

MAPPED = re.compile(r"[\s,;{}()=`.]")
"""Characters for which a Delta table needs column mapping: in a Parquet file such a column then has
another name. All but the dot and the backtick Delta refuses without."""

PREDICTIONS = ("prediction", "model_version")
"""Columns of a table of predictions, beside the key and the event time of the feature table."""


def is_reserved(name: str) -> bool:
    """Whether only Headrace may give a column this name."""
    return name.startswith(RESERVED)


def needs_mapping(name: str) -> bool:
    """Whether a Delta table holds a column of this name only by column mapping."""
    return MAPPED.search(name) is not None


def folded(name: str) -> str:
    """A name as Spark compares it, blind to case."""
    return name.lower()  # not casefold(): to Spark `ß` is not `ss`


def alike(names: Iterable[str]) -> list[str]:
    """Those of the names that are one to Spark, as they are written, in order."""
    given = list(names)
    counted = Counter(map(folded, given))
    return [name for name in given if counted[folded(name)] > 1]
