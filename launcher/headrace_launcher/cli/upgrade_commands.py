"""The command `headrace upgrade`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer, progress_of, settings_here

commands = typer.Typer()


@commands.command()
def upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="See what changes; nothing is upgraded.")
    ] = False,
    to: Annotated[
        str, typer.Option(help="A version, a wheel's path, or else the newest.")
    ] = "newest",
    as_json: AsJson = False,
) -> None:
    """See what another version of Headrace changes for this project, in a scratch environment.

    The exit code is 1 when something changes. pip upgrades.
    """
    if not check:
        raise typer.BadParameter("say --check; to upgrade: pip install --upgrade 'headrace[all]'")
    from headrace_launcher.upgrade.check import UpgradeCheck  # heavy: readers of the lake
    from headrace_launcher.upgrade.sides import environment_of_sides, install, present

    settings = settings_here()
    progress = progress_of(as_json)
    environment = environment_of_sides()
    with progress.shown(), TemporaryDirectory(prefix="headrace-upgrade-") as folder:
        scratch = Path(folder)
        target = target_of(to)
        next_ = install(target, scratch / "environment", environment, progress.doing)
        work = scratch / "work"
        work.mkdir()
        asked = UpgradeCheck(settings.project, present(environment), next_, work, progress.doing)
        found = asked.changes()
    answer(as_json, found.as_json(), found.lines())
    if not found.is_none:
        raise typer.Exit(1)


def target_of(to: str) -> str:
    """What pip takes for the version that is named."""
    if to == "newest":
        return "headrace"
    return str(Path(to).absolute()) if Path(to).exists() else f"headrace=={to}"
