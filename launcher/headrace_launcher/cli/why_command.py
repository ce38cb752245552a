"""The command that tells the story of a decision."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from headrace_launcher.cli.output import AsJson, answer, settings_here

if TYPE_CHECKING:
    from headrace_lake.decision_story import DecisionStory

commands = typer.Typer()


@commands.command()
def why(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    window: Annotated[
        str | None, typer.Argument(help="Partition that was decided on; without one, the newest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a model was retrained or not: what was measured, what would have changed it, what came of it."""
    from headrace_launcher.project.explained import (
        document,
    )  # heavy, as the next: readers of the lake
    from headrace_launcher.project.stories import decided
    from headrace_schemas.declarations.catalog import Catalog
    from headrace_schemas.places import Lake

    settings = settings_here()
    story = decided(Lake(root=settings.lake), Catalog.load(settings.schemas), model, window)
    if story is None:
        nothing = (
            f"{model}: nothing is decided yet. Its first window is decided on once labels mature."
        )
        answer(as_json, {"model": model, "decision": None}, [nothing])
        return
    answer(as_json, document(story), shown(story))


def shown(story: "DecisionStory") -> Iterator[RenderableType]:
    """The story for people."""
    from headrace_launcher.project.explained import headline, sections

    yield Text(headline(story), style="bold")
    for section in sections(story):
        yield Text(f"\n{section.title}", style="underline")
        yield from map(Text, section.sentences)
        if section.rows:
            table = Table(*section.columns)
            for row in section.rows:
                table.add_row(*map(Text, row))
            yield table
