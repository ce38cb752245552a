"""The command that makes a project; it needs none around it."""

from pathlib import Path
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer
from headrace_launcher.project.examples import OWN

commands = typer.Typer()


@commands.command()
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits, - and _.")],
    into: Annotated[
        Path | None, typer.Option(help="A new or empty folder; ./NAME without.")
    ] = None,
    example: Annotated[str, typer.Option(help="What it begins with: shop, or flights.")] = OWN,
    as_json: AsJson = False,
) -> None:
    """Make a project: declarations, transforms and cases of a small example that runs."""
    from headrace_launcher.project.new import new_project  # declarations: only here

    made = new_project(name, into or Path(name), example)
    width = max(len(place) for place, _ in made.shown)
    lines = [
        f"{name}: a new project in {made.folder}, {len(made.files)} files",
        *(f"  {place:<{width}}  {what}" for place, what in made.shown),
        "Next:",
        *(f"  {command}" for command in made.commands),
    ]
    document = {"folder": made.folder, "files": made.files, "commands": made.commands}
    answer(as_json, document, lines)
