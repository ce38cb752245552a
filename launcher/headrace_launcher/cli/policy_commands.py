"""The commands `headrace policy`: what another policy would have decided."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from headrace_launcher.cli.output import AsJson, answer, progress_of, settings_here

if TYPE_CHECKING:
    from headrace_launcher.services.settings import Settings
    from headrace_schemas.wire.backtest_job import BacktestReport

commands = typer.Typer(help="When models are retrained, tried on their history.")


@commands.callback()
def policy() -> None:
    """Group the commands, however few there are."""


@commands.command()
def backtest(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    policy: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="YAML with the keys `retraining` and `monitors` of a model's file, tried beside the declared ones.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a model's history: what its policy, and another one, would have decided and cost.

    Costs are compared with never retraining, with every window, and with the best schedule in
    hindsight. Models are small ones on samples where the own ones are large. Nothing is written to the lake.
    """
    from headrace_launcher.project.policy_backtest import document

    report = replayed(settings_here(), model, policy, as_json)
    answer(as_json, document(model, report), shown(model, report))


def replayed(settings: "Settings", name: str, file: Path | None, as_json: bool) -> "BacktestReport":
    """Run the job, with progress.

    Raises:
        UnknownName: There is no such model.
    """
    from headrace_lake.ledger import digests_of  # heavy, as the next: readers of the lake
    from headrace_lake.versions import newest_version
    from headrace_launcher.errors import UnknownName
    from headrace_launcher.project.job_series import JobSeries, series_environment
    from headrace_launcher.project.policy_backtest import backtested
    from headrace_launcher.services.setup import set_up
    from headrace_schemas.declarations.catalog import Catalog
    from headrace_schemas.declarations.policy import with_policy
    from headrace_schemas.places import Lake
    from headrace_schemas.planning.planner import Planner

    lake, catalog = Lake(root=settings.lake), Catalog.load(settings.schemas)
    if name not in catalog.models:
        raise UnknownName("model", name, sorted(catalog.models))
    model = catalog.models[name]
    other = None if file is None else with_policy(model, file)
    planner = Planner(catalog, lake, newest_version, partial(digests_of, lake), "headrace policy")
    progress = progress_of(as_json)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
        environment = series_environment(settings, java, os.environ)
        with JobSeries(settings.jobs, settings.logs / "policy.log", environment) as series:
            progress.doing(f"{name}: replay its windows, fit models of each, and all schedules")
            return backtested(planner, series, model, other)


def shown(model: str, report: "BacktestReport") -> Iterator[RenderableType]:
    """The report for people."""
    from headrace_launcher.project.policy_backtest import columns, rows, sentences

    yield from map(Text, sentences(model, report))
    table = Table(*columns(report))
    for row in rows(report):
        table.add_row(*map(Text, row))
    yield table
