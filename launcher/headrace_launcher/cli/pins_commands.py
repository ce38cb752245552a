"""The commands `headrace pins`: which versions are kept, and holding and releasing them."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from headrace_launcher.services.settings import Settings
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake

if TYPE_CHECKING:
    from headrace_launcher.project.pins import Pins

console = Console(highlight=False, soft_wrap=True)

pins_app = typer.Typer(invoke_without_command=True, help="Versions that are kept, and for whom.")

PinnedName = Annotated[str, typer.Argument(help="Such as gold.readings or predictions.delay.")]
PinnedNumber = Annotated[int, typer.Argument(min=0, help="The table's version.")]


@pins_app.callback()
def pins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the versions that are kept beyond their table's history: why, since when, at what cost."""
    if context.invoked_subcommand is not None:
        return
    from headrace_launcher.project import pins as pinned

    versions = pinned_here().versions(datetime.now(tz=UTC))
    if as_json:
        sys.stdout.write(f"{json.dumps(pinned.as_json(versions), indent=2)}\n")
    elif versions:
        console.print(pinned.pins_table(versions))
    else:
        console.print("Nothing is pinned: each table keeps its declared history, and no more.")


@pins_app.command()
def hold(
    table: PinnedName,
    version: PinnedNumber,
    reason: Annotated[str, typer.Option(help="Why; others read it.")],
) -> None:
    """Keep a version of a table until it is released."""
    pinned_here().hold(table, version, reason, datetime.now(tz=UTC))
    console.print(f"{table} version {version} is held.", markup=False)


@pins_app.command()
def release(
    table: PinnedName,
    version: PinnedNumber,
    reason: Annotated[str, typer.Option(help="Why; others read it.")] = "released",
) -> None:
    """Hold a version no longer; what else keeps it, such as a model, stays."""
    pinned_here().release(table, version, reason, datetime.now(tz=UTC))
    console.print(f"{table} version {version} is held no longer.", markup=False)


def pinned_here() -> "Pins":
    """The pins of this lake."""
    from headrace_launcher.project.lake_view import LakeView  # heavy, as the next
    from headrace_launcher.project.pins import Pins

    settings = Settings.from_environment(os.environ)
    view = LakeView(Lake(root=settings.lake))
    return Pins(view, Catalog.load(settings.schemas), settings.jobs)
