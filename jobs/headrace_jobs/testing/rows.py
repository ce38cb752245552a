"""Rows that a case wants beside rows that came: by value and type, each as often as it is there."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import FLOATS, INTEGERS, TEXTS

BROKEN = "broken"
"""What a wanted row calls the rules that it breaks."""

Row = Mapping[str, Any]

TOLERANCE = 1e-9


class WrongType(ValueError):
    """A wanted value that its column can never hold."""


def stem_of(type_: str) -> str:
    """A type without its parameters: `DECIMAL` of `DECIMAL(10,2)`."""
    return type_.partition("(")[0].partition("<")[0].strip().upper()


def shown(name: str, type_: str) -> Column:
    """A column as it is compared: simple values as they are, others as text."""
    column, stem = F.col(quoted(name)), stem_of(type_)
    if stem in INTEGERS | FLOATS | TEXTS | {"BOOLEAN", "DECIMAL"}:
        return column.alias(name)
    if stem in ("ARRAY", "MAP", "STRUCT"):
        return F.to_json(column).alias(name)
    return (F.hex(column) if stem == "BINARY" else column.cast("string")).alias(name)


def came(value: Any, type_: str) -> Any:
    """A value as `shown` collects it, ready to compare."""
    if value is None or value == "":
        return value
    stem = stem_of(type_)
    if stem in ("ARRAY", "MAP", "STRUCT"):
        return json.loads(value)
    if stem in ("TIMESTAMP", "TIMESTAMP_NTZ"):
        return datetime.fromisoformat(value)
    return value


def wanted(value: Any, type_: str) -> Any:
    """A value of a case, ready to compare.

    Raises:
        WrongType: Its column never holds such a one.
    """
    if value is None:
        return None
    stem = stem_of(type_)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if stem in TEXTS | {"BINARY"} and isinstance(value, str):
        return value
    if stem in INTEGERS and is_number and not isinstance(value, float):
        return value
    if stem in FLOATS and is_number:
        return float(value)
    if stem == "BOOLEAN" and isinstance(value, bool):
        return value
    if stem in ("ARRAY", "MAP", "STRUCT") and isinstance(value, list | dict):
        return value
    try:
        if stem == "DECIMAL" and (is_number or isinstance(value, str)):
            return Decimal(str(value))
        if stem == "DATE" and isinstance(value, str | date):
            return date.fromisoformat(str(value)).isoformat()
        if stem in ("TIMESTAMP", "TIMESTAMP_NTZ") and isinstance(value, str | datetime):
            return in_utc(datetime.fromisoformat(str(value)))
    except (ValueError, InvalidOperation) as error:
        raise WrongType(f"{value!r} is no {type_}") from error
    hint = " Quote it." if stem in TEXTS else ""
    raise WrongType(f"{value!r} is no {type_}.{hint}")


def in_utc(instant: datetime) -> datetime:
    """An instant as Spark writes it in UTC."""
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def is_same(want: Any, found: Any) -> bool:
    """Whether two values are equal, numbers with a fraction but for their last digits."""
    if isinstance(want, float) and isinstance(found, float):
        if math.isnan(want) or math.isnan(found):
            return math.isnan(want) and math.isnan(found)
        return math.isclose(want, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(want == found)


def unlike(want: Row, found: Row) -> list[str]:
    """The columns of a wanted row in which another one differs."""
    return [name for name, value in want.items() if not is_same(value, found[name])]


@dataclass(frozen=True)
class Difference:
    """A row that is wanted and did not come, one that came and is not wanted, or one for the other."""

    want: Row | None
    found: Row | None

    def lines(self) -> list[str]:
        """For people: the columns that differ, or the whole row where there is no other."""
        if self.want is None:
            return [f"+ came, but is not expected: {dict(self.found or {})}"]
        if self.found is None:
            return [f"- did not come: {dict(self.want)}"]
        apart = unlike(self.want, self.found)
        same = {name: value for name, value in self.want.items() if name not in apart}
        lines = [f"  in the row with {same}:" if same else "  in a row:"]
        for name in apart:
            lines += [f"  - {name}: {self.want[name]!r}", f"  + {name}: {self.found[name]!r}"]
        return lines


def differences(want: Sequence[Row], found: Sequence[Row]) -> list[Difference]:
    """What is apart when each wanted row has a row of its own that came; empty if nothing is.

    A wanted row names some columns only, so several rows may do for it: as many pairs as possible
    are found by augmenting paths (Kuhn's algorithm for bipartite matching).
    """
    taken: dict[int, int] = {}

    def find(index: int, seen: set[int]) -> bool:
        for other, row in enumerate(found):
            if other not in seen and not unlike(want[index], row):
                seen.add(other)
                if other not in taken or find(taken[other], seen):
                    taken[other] = index
                    return True
        return False

    lone = [index for index in range(len(want)) if not find(index, set())]
    missing = [want[index] for index in range(len(want)) if index not in taken.values()]
    extra = [row for other, row in enumerate(found) if other not in taken]
    return paired(missing, extra) if lone or extra else []


def paired(missing: list[Row], extra: list[Row]) -> list[Difference]:
    """Rows that did not come, each beside the one most like it that came instead."""
    pairs = []
    for want in missing:
        nearest = min(extra, key=lambda row: len(unlike(want, row)), default=None)
        if nearest is not None and len(unlike(want, nearest)) < len(want):
            extra = [row for row in extra if row is not nearest]
            pairs.append(Difference(want, nearest))
        else:
            pairs.append(Difference(want, None))
    return pairs + [Difference(None, row) for row in extra]
