"""How `headrace status` shows tables and models."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from deltalake.exceptions import DeltaError
from rich.console import RenderableType
from rich.table import Table

from headrace_launcher.project.standing import (
    ModelStanding,
    TableStanding,
    model_standings,
    table_standings,
)
from headrace_launcher.services.settings import Settings
from headrace_schemas.decisions.decision import Decision, Kind
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import HeadraceError
from headrace_schemas.places import Lake
from headrace_schemas.project_errors import DeclarationInvalid

COLOURS = {"passed": "green", "warned": "yellow", "failed": "red"}


@dataclass(frozen=True)
class Standing:
    """What is in the lake; or why that cannot be said, when services shall be shown all the same."""

    tables: tuple[TableStanding, ...] = ()
    models: tuple[ModelStanding, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "tables": [asdict(table) for table in self.tables],
            "models": [
                {
                    "name": model.name,
                    "champion": model.champion,
                    "decision": model.decision.model_dump(mode="json") if model.decision else None,
                }
                for model in self.models
            ],
            "lake_problem": self.problem or None,
        }

    def parts(self) -> Iterator[RenderableType]:
        """For people."""
        if self.problem:
            yield self.problem
        if self.tables:
            yield tables_shown(self.tables)
        if self.models:
            yield models_shown(self.models)


def standing(settings: Settings) -> Standing:
    """How the tables and models of the project stand."""
    lake = Lake(root=settings.lake)
    try:
        catalog = Catalog.load(settings.schemas)
        tables = table_standings(lake, catalog)
        return Standing(tuple(tables), tuple(model_standings(lake, catalog)))
    except DeclarationInvalid as error:
        return Standing(problem=f"{error.problems[0].message} All of it: headrace validate")
    except HeadraceError as error:
        return Standing(problem=error.message)
    except (DeltaError, OSError) as error:
        return Standing(problem=f"lake {settings.lake}: {str(error).splitlines()[0]}")


def tables_shown(tables: tuple[TableStanding, ...]) -> Table:
    """A row a table."""
    shown = Table()
    for column in ("table", "newest", "version", "rows", "quarantined", "last gate"):
        shown.add_column(column, justify="left" if column in ("table", "last gate") else "right")
    for table in tables:
        gate = ""
        if table.verdict is not None:
            colour = COLOURS.get(table.verdict, "yellow")
            at = f" {table.judged}" if table.judged != table.partition and table.partition else ""
            gate = f"[{colour}]{table.verdict}[/]{at}"
        shown.add_row(
            table.name,
            table.partition or "",
            "-" if table.version is None else str(table.version),
            "" if table.rows is None else f"{table.rows:,}",
            "" if table.quarantined is None else f"{table.quarantined:,}",
            gate,
        )
    return shown


def models_shown(models: tuple[ModelStanding, ...]) -> Table:
    """A row a model."""
    shown = Table()
    for column in ("model", "champion", "last decision", "reason"):
        shown.add_column(column)
    for model in models:
        last = model.decision
        shown.add_row(
            model.name,
            f"v{model.champion}" if model.champion else "-",
            decided(last) if last else "-",
            last.reason if last else "",
        )
    return shown


def decided(decision: Decision) -> str:
    """What was decided, and about what."""
    version = decision.model_version
    about = f"v{version}" if decision.kind is Kind.PROMOTION and version else decision.window
    return f"{decision.verdict.value} {about}"
