"""The commands that move data: deliveries, and what came of them."""

from typing import Annotated

import typer

from headrace_launcher.cli.output import console, settings_here
from headrace_launcher.cli.services_commands import started, stopped

commands = typer.Typer()


@commands.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget lake, models and history first.")
    ] = False,
) -> None:
    """Replay the flagship's year through Airflow, then print its story and leave it all running."""
    from headrace_launcher.cli.display import addresses
    from headrace_launcher.project import demo as flagship  # plots and tables: only here

    settings = settings_here()
    if fresh:
        stopped(settings, as_json=False)
        flagship.forget(settings)
    for line in addresses(settings, started(settings, as_json=False)):
        console.print(line)
    replay = flagship.flagship(settings, flagship.running_api(settings))
    flagship.play(replay, console)
    story = flagship.show(replay, settings.home / "report", flagship.links(settings), console)
    console.print("All services go on running; `make down` stops them.")
    if story.unbalanced:
        raise typer.Exit(1)


@commands.command()
def report() -> None:
    """Print the flagship's story so far and write its page."""
    from headrace_launcher.project import demo as flagship  # plots and tables: only here

    settings = settings_here()
    replay = flagship.flagship(settings, flagship.running_api(settings))
    flagship.show(replay, settings.home / "report", flagship.links(settings), console)
