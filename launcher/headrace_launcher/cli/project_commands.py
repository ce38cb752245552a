"""The commands on a project's declarations, and on what Headrace is made of."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer, progress_of, settings_here
from headrace_launcher.services.setup import ivy_client, place_jars, set_up
from headrace_launcher.spark.jars import LOCK, write_lock
from headrace_launcher.spark.java import ensure_java
from headrace_launcher.spark.logstore import JAR, SOURCE, build
from headrace_launcher.spark.settings import spark_home
from headrace_schemas.project import Project, found_above

commands = typer.Typer()
jars = typer.Typer(no_args_is_help=True, help="The locked jars.")
commands.add_typer(jars, name="jars")


@commands.command()
def validate(
    root: Annotated[Path | None, typer.Argument(help="Declarations folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What is wrong, for programs.")] = False,
    as_sarif: Annotated[
        bool,
        typer.Option("--sarif", help="The same as SARIF 2.1.0, for code scanning and editors."),
    ] = False,
) -> None:
    """Check all contracts, pipelines, models and transforms. The exit code is 1 if one is wrong."""
    from headrace_launcher.cli.validated import shown  # heavy: readers of SQL and JSON Schema

    if as_json and as_sarif:
        raise typer.BadParameter("--json and --sarif are two forms of the same; choose one")
    if root is not None and (project := found_above(root.resolve())) is not None:
        Project.read(project).use()
    schemas = root or settings_here().schemas
    if not shown(schemas, as_json=as_json, as_sarif=as_sarif):
        raise typer.Exit(1)


@commands.command("json-schemas")
def json_schemas(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A project's; without, where this package keeps its own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the JSON Schemas by which editors check declarations."""
    from headrace_launcher.project.validate import KEPT, editor_schemas, schemas_for_editors

    target = folder or KEPT
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (schemas_for_editors() if folder else editor_schemas()).items():
        (target / name).write_text(text, encoding="utf-8")
        written.append(str(target / name))
    answer(as_json, {"files": written}, written)


@commands.command()
def sbom() -> None:
    """Print what the project runs on, as a CycloneDX document: Python's packages and the jars.

    From uv.lock with digests, where the project has one; else what is installed here.
    """
    from headrace_launcher.sbom import bill_of_materials

    document = bill_of_materials(settings_here().project)
    sys.stdout.write(f"{json.dumps(document, indent=1)}\n")


@jars.command("lock")
def lock_jars(as_json: AsJson = False) -> None:
    """Resolve the jars again and write their lock."""
    progress = progress_of(as_json)
    with progress.shown(), tempfile.TemporaryDirectory() as folder:
        java = ensure_java(os.environ)
        ivy_client(settings_here(), java, progress.doing).resolve(Path(folder))
        locked = write_lock(Path(folder))
    answer(as_json, {"jars": len(locked), "lock": LOCK}, [f"{len(locked)} jars in {LOCK}"])


@jars.command("build")
def build_log_store(as_json: AsJson = False) -> None:
    """Build the log store's jar anew, after its source was changed."""
    settings = settings_here()
    progress = progress_of(as_json)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
        build(SOURCE, settings.jars, JAR, java.executable, spark_home() / "jars")
    answer(as_json, {"jar": JAR}, [str(JAR)])


@jars.command("place")
def place_all_jars(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    as_json: AsJson = False,
) -> None:
    """Put all jars that Spark needs besides its own into a folder, as an image's build does."""
    progress = progress_of(as_json)
    with progress.shown():
        java = ensure_java(os.environ)
        count = place_jars(settings_here(), java, folder.absolute(), progress.doing)
    answer(as_json, {"jars": count, "folder": folder}, [f"{count} jars in {folder}"])
