"""`headrace deploy`: what a project is deployed from, as files of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer
from headrace_schemas.project import Project

commands = typer.Typer(no_args_is_help=True, help="Files that this project is deployed from.")

COMPOSE_NEXT = "Start it: headrace env && docker compose up --detach --wait"

KUBERNETES_NEXT = (
    "Build and push both images, make the secrets, then: "
    "helm upgrade --install headrace apache-airflow/airflow --values deploy/kubernetes/values.yaml"
)

Folder = Annotated[Path | None, typer.Argument(help="Where; without, the project's folder.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that say something else.")]


@commands.command()
def compose(folder: Folder = None, force: Force = False, as_json: AsJson = False) -> None:
    """Write docker-compose.yml, its images' Dockerfile and the folder deploy, for a Docker host."""
    from headrace_launcher.project.deployment import compose_deployment  # none else needs it

    project = Project.current()
    written(compose_deployment(project), folder or project.root, force, as_json, COMPOSE_NEXT)


@commands.command()
def kubernetes(folder: Folder = None, force: Force = False, as_json: AsJson = False) -> None:
    """Write values of Airflow's Helm chart, its images' Dockerfile and the folder deploy, for Kubernetes."""
    from headrace_launcher.project.deployment import kubernetes_deployment  # none else needs it

    project = Project.current()
    written(kubernetes_deployment(project), folder or project.root, force, as_json, KUBERNETES_NEXT)


def written(
    files: Mapping[str, str], folder: Path, force: bool, as_json: bool, next_step: str
) -> None:
    """Write the files and name those that are new, and what comes next."""
    from headrace_launcher.project.deployment import write_deployment  # none else needs it

    new = [str(file) for file in write_deployment(files, folder, force)]
    answer(
        as_json,
        {"files": new},
        [*(new or [f"{folder}: all files are there as they are"]), next_step],
    )
