"""Which option of a source would help, where values of a column look as if it were missing.

Recognised by patterns, never by values: they may be somebody's.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headrace_jobs.sources.columns import LOAD_FAILURES, RAW
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.types import NUMBERS, TIMES, ColumnType

LOOKS: Mapping[str, Mapping[str, str]] = {
    "number": {
        r"^\s*[+-]?[0-9.' ]*,[0-9]+\s*$": '`decimal: ","`, or `thousands: ","` if commas part groups',
        r"^\s*[+-]?[0-9]{1,3}([.,' _\x{a0}\x{202f}'][0-9]{3})+([.,][0-9]+)?\s*$": "`thousands`",
    },
    "time": {
        r"^\s*[0-9]{9,10}(\.[0-9]+)?\s*$": "`epoch_seconds`",
        r"^\s*[0-9]{12,13}(\.[0-9]+)?\s*$": "`epoch_milliseconds`",
        r"^\s*[0-9]{15,16}(\.[0-9]+)?\s*$": "`epoch_microseconds`",
        r"^\s*[0-9]{18,19}(\.[0-9]+)?\s*$": "`epoch_nanoseconds`",
        r"^\s*[0-9]{1,4}[./ -][0-9A-Za-z]{1,9}[./ -][0-9]{1,4}\b": "a pattern such as `dd/MM/yyyy`",
        r"^\s*[0-9]{8}([0-9]{4,6})?\s*$": "a pattern such as `yyyyMMdd`",
    },
    "flag": {r"^\s*\S{1,12}\s*$": "`true_values` and `false_values`"},
}
"""Kind of a column → what its values look like → what may be declared."""


def hints(staged: DataFrame, contract: Contract) -> tuple[str, ...]:
    """A sentence for each column of which most bad values look alike. Costs one query."""
    given = F.from_json(RAW, "map<string,string>")
    asked: list[tuple[str, str]] = []
    counts: list[Column] = []
    for column in contract.columns:
        kind = kind_of(column.type)
        is_bad = F.array_contains(LOAD_FAILURES, f"{column.name}.type")
        for look, option in LOOKS.get(kind, {}).items():
            asked.append((column.name, option_of(kind, column.type, option)))
            counts += [F.count_if(is_bad & given[column.name].rlike(look)), F.count_if(is_bad)]
    if not asked:
        return ()
    (row,) = staged.where(F.size(LOAD_FAILURES) > 0).agg(*counts).collect()
    found: dict[str, str] = {}
    for (name, option), alike, bad in zip(asked, row[::2], row[1::2], strict=True):
        if alike and 2 * alike > bad:
            found.setdefault(
                name,
                f"{name}: {alike} of {bad} values that were not read look as if the source "
                f"lacked {option}.",
            )
    return tuple(found.values())


def kind_of(type: str) -> str:
    """Which looks a column of a type can have."""
    stem = ColumnType.parse(type).stem
    if stem in NUMBERS:
        return "number"
    if stem in TIMES:
        return "time"
    return "flag" if stem == "BOOLEAN" else ""


def option_of(kind: str, type: str, option: str) -> str:
    """The option by name; formats of dates and times have each their own."""
    if kind != "time":
        return option
    key = "date_format" if ColumnType.parse(type).stem == "DATE" else "timestamp_format"
    return f"`{key}`: {option}"
