"""The commands that move data: deliveries, and what came of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headrace_launcher.cli.display import addresses
from headrace_launcher.cli.output import AsJson, answer, console, news, settings_here
from headrace_launcher.cli.services_commands import started, stopped
from headrace_launcher.services.settings import Settings

if TYPE_CHECKING:
    from headrace_lake.story import Story

commands = typer.Typer()

From = Annotated[
    Path | None,
    typer.Option("--from", help="Folder of files laid out as in the landing area."),
]


@commands.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget lake, models and history first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay all deliveries of the project through Airflow, then print what came of them.

    All services go on running. The exit code is 1 when the rows of a batch do not add up.
    """
    from headrace_launcher.project import replays  # heavy: readers of the lake
    from headrace_launcher.project.deliveries import own_deliveries

    settings = settings_here()
    own_deliveries(settings.project)  # or nothing need be started
    if fresh:
        stopped(settings, as_json)
        replays.forget(settings)
    for line in addresses(settings, started(settings, as_json)):
        news(as_json).print(line)
    with replays.folder_of_deliveries(settings, None) as folder:
        replayed = replay_all(settings, folder, None, as_json)
    documents, found = show_stories(settings, None, as_json)
    lines = ["All services go on running; `headrace down` stops them."]
    answer(as_json, {"replayed": replayed, "stories": documents}, lines)
    if any(story.unbalanced for story in found):
        raise typer.Exit(1)


@commands.command()
def replay(
    pipeline: Annotated[
        str | None, typer.Argument(help="Without one, every pipeline that has deliveries.")
    ] = None,
    folder: From = None,
    as_json: AsJson = False,
) -> None:
    """Deliver files partition by partition, and wait until Airflow has done all that follows.

    Without --from, the deliveries are those that the project's `deliveries` writes. What is done
    already is not done again.
    """
    from headrace_launcher.project.replays import folder_of_deliveries  # heavy: readers of the lake
    from headrace_launcher.services.running import running_api

    settings = settings_here()
    running_api(settings)  # before deliveries are written for nobody
    with folder_of_deliveries(settings, folder) as given:
        replayed = replay_all(settings, given, pipeline, as_json)
    lines = [
        f"{done['pipeline']}: {len(done['partitions'])} partitions are done" for done in replayed
    ]
    answer(as_json, {"replayed": replayed}, lines)


def replay_all(
    settings: Settings, folder: Path, pipeline: str | None, as_json: bool
) -> list[dict[str, Any]]:
    """Replay one pipeline or all, with progress; what was replayed."""
    from headrace_launcher.cli.replay_progress import play  # heavy: readers of the lake
    from headrace_launcher.project.replays import replays_of

    done = []
    for planned in replays_of(settings, folder, pipeline):
        play(planned, news(as_json))
        done.append(
            {
                "pipeline": planned.pipeline.name,
                "partitions": [partition.key for partition in planned.partitions],
                "tables": [build.name for build in planned.tables],
                "models": [model.name for model in planned.models],
            }
        )
    return done


@commands.command()
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A model, or a pipeline without one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what came of all deliveries so far, partition by partition, and write it as pages."""
    documents, _ = show_stories(settings_here(), name, as_json)
    answer(as_json, {"stories": documents})


def show_stories(
    settings: Settings, name: str | None, as_json: bool
) -> tuple[list[dict[str, Any]], "list[Story]"]:
    """Write the pages of stories and print their tables; the stories for programs, and as they are."""
    from datetime import UTC, datetime

    from headrace_launcher.project.report import as_json as document_of  # heavy, as the next
    from headrace_launcher.project.report import write_page
    from headrace_launcher.project.stories import stories
    from headrace_launcher.services.running import airflow_url
    from headrace_schemas.declarations.catalog import Catalog
    from headrace_schemas.places import Lake

    lake, catalog = Lake(root=settings.lake), Catalog.load(settings.schemas)
    url = airflow_url(settings)
    links = {"Airflow": url} if url else {}
    every = list(stories(lake, catalog, name))
    found = [story for story in every if story.windows]
    pages = {}
    for story in found:
        alone = len(every) == 1
        file = "index.html" if alone else f"{(story.model or story.pipeline).name}.html"
        page = write_page(story, settings.home / "report", datetime.now(UTC), links, file)
        pages[story.title] = page.as_uri()
    if not as_json:
        for story in every:
            show(story, {**links, "Report": pages[story.title]} if story.windows else {})
    return [{**document_of(story), "page": pages[story.title]} for story in found], found


def show(story: "Story", links: dict[str, str]) -> None:
    """Print a story's table, batches whose rows do not add up, and where to look further."""
    from headrace_launcher.project.report_table import terminal_table

    if not story.windows:
        console.print(
            f"{story.title}: nothing is built yet. Deliver files and wait for Airflow, or: "
            f"headrace replay {story.pipeline.name} --from FOLDER",
            markup=False,
        )
        return
    width = None if console.is_terminal else 200
    Console(file=sys.stdout, width=width).print(terminal_table(story))
    for account in story.unbalanced:
        console.print(
            f"[red]{account.table} {account.batch}: {account.rows_in} rows in, "
            f"{account.published} published, {account.quarantined} quarantined"
        )
    for name, address in links.items():
        console.print(f"{name:<8} {address}", markup=False)
