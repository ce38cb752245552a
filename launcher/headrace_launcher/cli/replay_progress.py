"""A replay for people: a bar on a terminal, a line per news in a log."""

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from headrace_launcher.project.replay import Replay


def play(replay: Replay, console: Console) -> None:
    """Run the replay and show how far it is.

    Raises:
        NothingDelivered: No file is for its pipeline.
        ReplayStalled, RunFailed: It cannot go on.
    """
    columns = (
        TextColumn("[bold]{task.fields[partition]:<10}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
    )
    last = ""
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("replay", total=None, partition="", doing="")
        for step in replay.run():
            progress.update(
                bar,
                total=step.total,
                completed=step.done,
                partition=step.partition,
                doing=step.doing,
            )
            news = f"{step.partition or 'start'} ({step.done}/{step.total}): {step.doing}"
            if not console.is_terminal and news != last:
                console.print(f"{datetime.now(UTC):%H:%M:%S} {news}")
                last = news
