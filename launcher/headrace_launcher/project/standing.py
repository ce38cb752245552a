"""How tables and models stand, at a glance: from logs and statistics, without reading rows."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace_lake.ledger import DECISIONS
from headrace_lake.objects import READERS, Folder, folder
from headrace_lake.tables import published_keys
from headrace_lake.versions import open_table
from headrace_schemas.decisions.decision import Decision, champion_at
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake


@dataclass(frozen=True)
class TableStanding:
    """A table as it is now.

    Attributes:
        partition: Key of the newest one that was published; None for a table that is built whole.
        version: None if nothing was published yet.
        rows: Of all partitions, by the statistics of its files; None where a writer left them out.
        quarantined: The same of its quarantine.
        verdict: Of the gate on its newest batch, published or not; None if none was judged.
        judged: Key of that batch.
    """

    name: str
    partition: str | None = None
    version: int | None = None
    rows: int | None = None
    quarantined: int | None = None
    verdict: str | None = None
    judged: str | None = None


@dataclass(frozen=True)
class ModelStanding:
    """A model as it is now.

    Attributes:
        champion: Version that serves; None if none was promoted.
        decision: The newest decision on it; None before the first.
    """

    name: str
    champion: str | None
    decision: Decision | None


def table_standings(lake: Lake, catalog: Catalog) -> list[TableStanding]:
    """Every declared table, inputs first.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda name: table_standing(lake, name), catalog.order))


def table_standing(lake: Lake, name: str) -> TableStanding:
    """One table."""
    gates = folder(lake.at("gates", name))
    judged = max(gates.folders(""), default=None)  # keys of a table sort as the times do
    verdict = verdict_of(gates, judged) if judged is not None else None
    table = open_table(lake.table(name))
    if table is None:
        return TableStanding(name, verdict=verdict, judged=judged)
    set_aside = open_table(lake.quarantine(name))
    return TableStanding(
        name=name,
        partition=max(published_keys(lake.table(name)), default=None),
        version=int(table.version()),
        rows=rows_of(table),
        quarantined=rows_of(set_aside) if set_aside is not None else 0,
        verdict=verdict,
        judged=judged,
    )


def verdict_of(gates: Folder, batch: str) -> str | None:
    """What the gate's record says of a batch; None while it is being written."""
    try:
        return str(json.loads(gates.read(f"{batch}/result.json"))["meta"]["verdict"])
    except FileNotFoundError:
        return None


def rows_of(table: Any) -> int | None:
    """Rows by the statistics of the files; None where one has none."""
    actions = table.get_add_actions(flatten=True)
    counts = list(actions.column("num_records").to_pylist()) if actions.num_rows else []
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def model_standings(lake: Lake, catalog: Catalog) -> Iterator[ModelStanding]:
    """Every declared model, by the ledger."""
    end = datetime.max.replace(tzinfo=UTC)
    for name in sorted(catalog.models):
        ledger = DECISIONS.read(lake.ledger, name)
        last = ledger[-1] if ledger else None
        yield ModelStanding(name, champion_at(ledger, name, end), last)
