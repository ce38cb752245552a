"""The command `headrace run`: tables without Airflow."""

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headrace_launcher.cli.output import AsJson, answer, news, progress_of, settings_here
from headrace_launcher.services.settings import Settings

if TYPE_CHECKING:
    from headrace_launcher.project.table_runs import BatchRun

commands = typer.Typer()


@commands.command()
def run(
    tables: Annotated[list[str], typer.Argument(help="As `silver.flights`.")],
    partition: Annotated[str | None, typer.Option(help="Key of the partition to build.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Build every partition that has files, or inputs.")
    ] = False,
    with_inputs: Annotated[
        bool, typer.Option("--with-inputs", help="First build what is missing of the inputs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load, gate and publish batches of tables here and now, without Airflow.

    The exit code is 1 when one of them is not published.
    """
    if partition is not None and every:
        raise typer.BadParameter("name one partition, or say --all")
    done = list(batch_runs(settings_here(), tables, partition, every, with_inputs, as_json))
    answer(as_json, {"batches": [batch_run.as_json() for batch_run in done]})
    if any(batch_run.version is None for batch_run in done):
        raise typer.Exit(1)


def batch_runs(
    settings: Settings,
    tables: list[str],
    partition: str | None,
    every: bool,
    with_inputs: bool,
    as_json: bool,
) -> "Iterator[BatchRun]":
    """Run what was asked for, with progress; what came of each batch."""
    from headrace_lake.ledger import digests_of  # heavy, as the next: readers of the lake
    from headrace_lake.versions import newest_version
    from headrace_launcher.project.batches import Wanted
    from headrace_launcher.project.job_series import JobSeries, series_environment
    from headrace_launcher.project.table_runs import TableRuns
    from headrace_launcher.services import stack
    from headrace_launcher.services.running import running_api
    from headrace_launcher.services.setup import set_up
    from headrace_schemas.declarations.catalog import Catalog
    from headrace_schemas.places import Lake
    from headrace_schemas.planning.planner import Planner

    lake, catalog = Lake(root=settings.lake), Catalog.load(settings.schemas)
    wanted = Wanted(
        catalog, lake, settings.landing, tuple(tables), partition, every, with_inputs
    ).batches()
    progress = progress_of(as_json)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
        environment = series_environment(settings, java, os.environ)
        airflow = running_api(settings) if stack.running(settings) else None
        planner = Planner(catalog, lake, newest_version, partial(digests_of, lake), "headrace run")
        with JobSeries(settings.jobs, settings.logs / "run.log", environment) as series:
            runs = TableRuns(catalog, lake, settings.landing, planner, series, airflow)
            for batch in wanted:
                found = runs.run(batch, progress.doing)
                for line in lines_of(found):
                    news(as_json).print(line)
                yield found


def lines_of(run: "BatchRun") -> Iterator[str]:
    """What came of a batch, for people: never a value of a row."""
    from headrace_launcher.project.table_runs import WORST  # heavy: readers of the lake

    name, gate = f"{run.batch.table} {run.batch.key}", run.gate
    if gate is not None:
        counts = gate.counts
        colour = {"passed": "green", "warned": "yellow"}.get(gate.verdict, "red")
        what = f"version {run.version}" if run.version is not None else "not published"
        yield (
            f"{name}: [{colour}]{gate.verdict}[/], {counts.rows_in:,} rows in, "
            f"{counts.rows_quarantined:,} quarantined, {what}"
        )
    elif run.version is None:
        yield f"{name}: [red]not published"
    for failure in gate.failures[:WORST] if gate else ():
        where = f"; at {', '.join(failure.examples)}" if failure.examples else ""
        yield escape(
            f"    {failure.severity} {failure.rule}: {failure.failed:,} bad. {failure.description}{where}"
        )
    if gate is not None and len(gate.failures) > WORST:
        yield escape(f"    and {len(gate.failures) - WORST} more rules: {gate.record_uri}")
    if run.error is not None:
        yield escape(f"    {run.error[0]}: {run.error[1]}")


@commands.command("test")
def cases(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables with cases; without one, all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the project's cases: rows in, rows out. The exit code is 1 if one differs.

    `pytest` does the same, beside the project's other tests.
    """
    from headrace_launcher.project.case_tests import as_json as document_of
    from headrace_launcher.project.case_tests import case_files, run_cases
    from headrace_launcher.services.services import engine_environment
    from headrace_launcher.services.setup import set_up

    settings = settings_here()
    files = case_files(settings.project, tables or ())
    if not files:
        folder = settings.project.tests / "cases"
        answer(as_json, {"cases": []}, [f"{folder} holds no cases."])
        return
    progress = progress_of(as_json)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
    environment = engine_environment(settings, java, os.environ)
    code, found = run_cases(settings.project, files, environment, as_json)
    answer(as_json, {"cases": document_of(found)})
    if code:
        raise typer.Exit(1)
