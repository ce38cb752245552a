"""How every command answers: lines for people, or with `--json` one JSON document on stdout."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from headrace_launcher.cli.display import ConsoleProgress
from headrace_launcher.services.settings import Settings
from headrace_schemas.errors import HeadraceError

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

FLAG = "--json"

AsJson = Annotated[bool, typer.Option(FLAG, help="One JSON document, for programs.")]


class Commands(typer.Typer):
    """Shows an error of Headrace as its message, without a traceback."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().__call__(*args, **kwargs)
        except HeadraceError as error:
            if FLAG in sys.argv:
                document = {
                    "type": type(error).__name__,
                    "message": error.message,
                    "fields": error.fields,
                }
                write_json({"error": document})
            else:
                errors.print(type(error).__name__, style="bold red", end=": ")
                errors.print(error.message, markup=False)
            sys.exit(1)


def settings_here() -> Settings:
    """Settings of the project of the working folder, as the environment says; its code can be imported."""
    settings = Settings.from_environment(os.environ)
    settings.project.use()
    return settings


def news(as_json: bool) -> Console:
    """Where progress is shown: stdout is the document's alone."""
    return errors if as_json else console


def progress_of(as_json: bool) -> ConsoleProgress:
    """Progress of services and of what takes long."""
    return ConsoleProgress(news(as_json))


def answer(as_json: bool, document: Any, lines: Iterable[RenderableType] = ()) -> None:
    """Print what came of a command: the document, or the lines."""
    if as_json:
        write_json(document)
        return
    for line in lines:
        console.print(line, markup=not isinstance(line, str))  # a table has its own colours


def write_json(document: Any) -> None:
    """Print a document; what JSON has no form for, as its text."""
    sys.stdout.write(f"{json.dumps(document, indent=2, default=str)}\n")
