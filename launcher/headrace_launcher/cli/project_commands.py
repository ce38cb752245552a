"""The commands on a project's declarations, and on what Headrace is made of."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer, console, progress_of, settings_here
from headrace_launcher.services.setup import ivy_client, place_jars
from headrace_launcher.spark.jars import LOCK, write_lock
from headrace_launcher.spark.java import ensure_java
from headrace_schemas.errors import DeclarationInvalid

commands = typer.Typer()
jars = typer.Typer(no_args_is_help=True, help="The locked jars.")
commands.add_typer(jars, name="jars")


@commands.command()
def validate(
    root: Annotated[Path | None, typer.Argument(help="Declarations folder.")] = None,
) -> None:
    """Check all contracts, pipelines, models and transforms. The exit code is 1 if one is wrong."""
    from headrace_launcher.project.validate import validate as check

    try:
        found = check(root or settings_here().schemas)
    except DeclarationInvalid as error:
        for one in error.problems:
            sys.stderr.write(f"{one.message}\n")
        files = len({one.fields["file"] for one in error.problems})
        things = "1 thing is" if len(error.problems) == 1 else f"{len(error.problems)} things are"
        sys.stderr.write(f"{things} wrong in {files} file{'' if files == 1 else 's'}.\n")
        raise typer.Exit(1) from None
    console.print(
        f"{found.contracts} contracts with {found.rules} rules, {found.pipelines} pipelines, "
        f"{found.models} models and {found.transforms} transforms are right."
    )


@commands.command("json-schemas")
def json_schemas(as_json: AsJson = False) -> None:
    """Write the JSON Schemas by which editors check declarations."""
    from headrace_launcher.project.validate import editor_schemas

    folder = settings_here().project.schemas / "json"
    folder.mkdir(exist_ok=True)
    written = []
    for name, text in editor_schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(str(folder / name))
    answer(as_json, {"files": written}, written)


@commands.command()
def sbom() -> None:
    """Print what Headrace is made of, as a CycloneDX document: packages and jars with digests."""
    from headrace_launcher.sbom import bill_of_materials

    document = bill_of_materials(settings_here().project.root)
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
