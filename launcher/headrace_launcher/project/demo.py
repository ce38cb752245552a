"""The flagship from the first file to the last decision, with progress all the time."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from headrace_launcher.errors import NotRunning
from headrace_launcher.object_store.delivery import Upload
from headrace_launcher.object_store.endpoint import Location
from headrace_launcher.project.lake_view import LakeView
from headrace_launcher.project.replay import Delivery, Replay
from headrace_launcher.project.replay_source import land, land_snapshots
from headrace_launcher.project.report import Story, tell, terminal_table, write_page
from headrace_launcher.services import ownership, stack
from headrace_launcher.services.airflow_api import AirflowApi
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import StackState
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake

PIPELINE = "flights"
MODEL = "delay"


def running_api(settings: Settings) -> AirflowApi:
    """A client of the Airflow that runs for this home.

    Raises:
        NotRunning: None does.
    """
    state = stack.running(settings)
    url = service_url(state, "api-server") if state else None
    if url is None:
        raise NotRunning(str(settings.home))
    return AirflowApi(url, USER, Secrets(settings.secrets).password())


def service_url(state: StackState, name: str) -> str | None:
    """Where a service's page is."""
    return next((one.url for one in state.services if one.name == name), None)


def links(settings: Settings) -> dict[str, str]:
    """The pages that belong to a report."""
    state = stack.running(settings)
    url = service_url(state, "api-server") if state else None
    return {"Airflow": url} if url else {}


def forget(settings: Settings) -> None:
    """Remove what runs have made below the home, and the flagship's deliveries there.

    A lake elsewhere, secrets, jars and what others deliver stay.

    Raises:
        FolderForeign: One of the folders was not made by Headrace.
    """
    for folder in settings.removable:
        ownership.remove(folder)
    pipeline, landing = (
        Catalog.load(settings.schemas).pipelines[PIPELINE],
        settings.home / "landing",
    )
    sources = [one.source for one in pipeline.entries.values() if one.source is not None]
    for source in sources:
        for file in landing.glob(source.names("*")):
            file.unlink()


def flagship(settings: Settings, api: AirflowApi) -> Replay:
    """The replay of the flights pipeline and the delay model."""
    catalog = Catalog.load(settings.schemas)
    landing, delivery = Path(settings.landing), Delivery(land_snapshots, land)
    if (remote := Location.of("HEADRACE_LANDING", settings.landing)) is not None:
        landing = settings.home / "landing"
        delivery = Upload.to(remote, landing, os.environ).instead_of(delivery)
    return Replay(
        api=api,
        lake=LakeView(Lake(root=settings.lake)),
        catalog=catalog,
        pipeline=catalog.pipelines[PIPELINE],
        model=catalog.models[MODEL],
        landing=landing,
        delivery=delivery,
    )


def play(replay: Replay, console: Console) -> None:
    """Run the replay under a progress bar; on a plain log, one line per news."""
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


def show(replay: Replay, folder: Path, links: dict[str, str], console: Console) -> Story:
    """Print the story and write its page; says so when rows do not add up."""
    story = tell(replay.lake, replay.pipeline, replay.model, replay.partitions)
    width = None if console.is_terminal else 200
    Console(file=sys.stdout, width=width).print(terminal_table(story))
    page = write_page(story, folder, datetime.now(UTC), links)
    for account in story.unbalanced:
        console.print(
            f"[red]{account.table} {account.batch}: {account.rows_in} rows in, "
            f"{account.published} published, {account.quarantined} quarantined"
        )
    for name, address in {**links, "Report": page.as_uri()}.items():
        console.print(f"{name:<8} {address}")
    return story
