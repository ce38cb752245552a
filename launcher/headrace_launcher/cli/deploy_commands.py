"""`headrace deploy`: what a project is deployed from, as files of its own."""

from pathlib import Path
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer
from headrace_schemas.project import Project

commands = typer.Typer(no_args_is_help=True, help="Files that this project is deployed from.")

NEXT = "Start it: headrace env && docker compose up --detach --wait"


@commands.command()
def compose(
    folder: Annotated[
        Path | None, typer.Argument(help="Where; without, the project's folder.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that say something else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write docker-compose.yml, its images' Dockerfile and the folder deploy, for a Docker host."""
    from headrace_launcher.project.deployment import write_deployment  # none else needs it

    project = Project.current()
    target = folder or project.root
    written = [str(file) for file in write_deployment(project, target, force)]
    said = written or [f"{target}: all files are there as they are"]
    answer(as_json, {"files": written}, [*said, NEXT])
