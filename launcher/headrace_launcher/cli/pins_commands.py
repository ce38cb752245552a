"""The commands `headrace pins`: which versions are kept, and holding and releasing them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer, settings_here
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake

if TYPE_CHECKING:
    from headrace_launcher.project.pins import Pins

commands = typer.Typer(invoke_without_command=True, help="Versions that are kept, and for whom.")

PinnedName = Annotated[str, typer.Argument(help="Such as gold.readings or predictions.delay.")]
PinnedNumber = Annotated[int, typer.Argument(min=0, help="The table's version.")]


@commands.callback()
def pins(
    context: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List the versions that are kept beyond their table's history: why, since when, at what cost."""
    if context.invoked_subcommand is not None:
        return
    from headrace_launcher.project import pins as pinned

    versions = pinned_here().versions(datetime.now(tz=UTC))
    nothing = "Nothing is pinned: each table keeps its declared history, and no more."
    shown = pinned.pins_table(versions) if versions else nothing
    answer(as_json, pinned.as_json(versions), [shown])


@commands.command()
def hold(
    table: PinnedName,
    version: PinnedNumber,
    reason: Annotated[str, typer.Option(help="Why; others read it.")],
    as_json: AsJson = False,
) -> None:
    """Keep a version of a table until it is released."""
    pinned_here().hold(table, version, reason, datetime.now(tz=UTC))
    document = {"table": table, "version": version, "held": True}
    answer(as_json, document, [f"{table} version {version} is held."])


@commands.command()
def release(
    table: PinnedName,
    version: PinnedNumber,
    reason: Annotated[str, typer.Option(help="Why; others read it.")] = "released",
    as_json: AsJson = False,
) -> None:
    """Hold a version no longer; what else keeps it, such as a model, stays."""
    pinned_here().release(table, version, reason, datetime.now(tz=UTC))
    document = {"table": table, "version": version, "held": False}
    answer(as_json, document, [f"{table} version {version} is held no longer."])


def pinned_here() -> "Pins":
    """The pins of this lake."""
    from headrace_launcher.project.pins import Pins  # heavy

    settings = settings_here()
    return Pins(Lake(root=settings.lake), Catalog.load(settings.schemas), settings.jobs)
