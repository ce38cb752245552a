"""Whether two lakes hold the same rows."""

from dataclasses import dataclass
from typing import Any

from headrace_lake.versions import open_table
from headrace_schemas.places import Lake

LEFT = "(SELECT {names} FROM a EXCEPT ALL SELECT {names} FROM b)"
RIGHT = "(SELECT {names} FROM b EXCEPT ALL SELECT {names} FROM a)"


@dataclass(frozen=True)
class Compared:
    """A table in both lakes.

    Attributes:
        changes: What differs, as sentences without a full stop; empty if nothing does.
    """

    name: str
    changes: tuple[str, ...]


def compare(before: Lake, after: Lake, table: str) -> list[Compared]:
    """A table and its quarantine: columns, and rows as often as each is there."""
    found = []
    for name, uri in ((table, "table"), (f"quarantine {table}", "quarantine")):
        left = open_table(getattr(before, uri)(table))
        right = open_table(getattr(after, uri)(table))
        if left is not None or right is not None:
            found.append(Compared(name, tuple(changes(left, right))))
    return found


def changes(left: Any, right: Any) -> list[str]:
    """What differs between two tables."""
    if left is None or right is None:
        return ["it is there only with the " + ("next" if left is None else "present") + " version"]
    before, after = columns_of(left), columns_of(right)
    if before != after:
        gone = sorted(before.keys() - after.keys())
        new = sorted(after.keys() - before.keys())
        other = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
        differences = [
            ("columns are gone", gone),
            ("columns are new", new),
            ("types differ", other),
        ]
        return [f"{what}: {', '.join(names)}" for what, names in differences if names]
    apart = [rows_in(left, right, which) for which in (LEFT, RIGHT)]
    return [f"{apart[0]:,} rows are no longer there, {apart[1]:,} are new"] if any(apart) else []


def columns_of(table: Any) -> dict[str, str]:
    """Column → type."""
    return {field.name: str(field.type) for field in table.schema().fields}


def rows_in(left: Any, right: Any, which: str) -> int:
    """How many rows of one table the other has not."""
    names = ", ".join(f'"{name}"' for name in columns_of(left))
    query = f"SELECT count(*) AS n FROM {which.format(names=names)}"  # noqa: S608 - columns' names
    from deltalake import QueryBuilder  # heavy

    asked = QueryBuilder().register("a", left).register("b", right).execute(query).read_all()
    return int(asked.column("n").to_pylist()[0])
