"""Load, gate and publish, as Airflow asks for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow.operators.tables import (
    GateOperator,
    LoadOperator,
    PublishOperator,
    RebuildOperator,
)
from headrace_airflow.pages.links import GateRecordLink
from headrace_lake.landing import delivered_files
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import SourceMissing, StaleInput
from tests.plugins.conftest import FakeSubmit
from tests.plugins.ledger import note_empty, write_gate_record, write_table

RunContext = Callable[..., Any]


@pytest.fixture
def landing(home: Path) -> Path:
    folder = home / "landing" / "trips"
    folder.mkdir(parents=True)
    return folder


def test_files_are_listed_when_a_partition_was_delivered(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, landing: Path
) -> None:
    (landing / "2013-04.csv").touch()
    (landing / "2013-05.csv").touch()
    LoadOperator(task_id="load", table="bronze.trips", catalog=catalog).execute(
        run_context("2013-04")
    )
    assert fake_submit.spec.source_files == (str(landing / "2013-04.csv"),)
    assert fake_submit.spec.partition.key == "2013-04"
    assert fake_submit.engines == ["warm"]


def test_load_is_tried_again_when_nothing_was_delivered_yet(
    catalog: Catalog, run_context: RunContext
) -> None:
    load = LoadOperator(task_id="load", table="bronze.trips", catalog=catalog)
    with pytest.raises(SourceMissing, match=r"no file matches .*/landing/trips/2013-04\.csv"):
        load.execute(run_context("2013-04"))


def test_sidecars_are_no_files_when_a_pattern_takes_them_in(
    catalog: Catalog, landing: Path
) -> None:
    build = catalog.build("bronze.trips")
    assert build.source is not None
    build = build.model_copy(
        update={"source": build.source.model_copy(update={"files": "trips/*"})}
    )
    for name in ("b.csv", "a.csv", "a.csv.manifest.json"):
        (landing / name).touch()
    expected = [str(landing / "a.csv"), str(landing / "b.csv")]
    assert delivered_files(str(landing.parent), build, Batch(table=build.name)) == expected
    uris = [f"file://{path}" for path in expected]
    assert delivered_files(f"file://{landing.parent}", build, Batch(table=build.name)) == uris


def test_link_is_refused_when_it_leads_out_of_the_landing_root(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, landing: Path
) -> None:
    (landing / "other.csv").touch()
    (landing / "2013-04.csv").symlink_to("other.csv")
    (landing / "2013-05.csv").symlink_to(landing.parents[1] / "secret.csv")
    load = LoadOperator(task_id="load", table="bronze.trips", catalog=catalog)
    load.execute(run_context("2013-04"))
    assert fake_submit.spec.landing == str(landing.parent)
    with pytest.raises(
        AirflowFailException, match=r"trips/2013-05\.csv: leads out of the landing root"
    ):
        load.execute(run_context("2013-05"))


@pytest.mark.parametrize(("key", "where"), [("2012-12", "before 2013"), ("2014-01", "after 2014")])
def test_load_is_skipped_when_the_pipeline_has_no_such_data(
    catalog: Catalog, run_context: RunContext, key: str, where: str
) -> None:
    load = LoadOperator(task_id="load", table="bronze.trips", catalog=catalog)
    with pytest.raises(AirflowSkipException, match=where):
        load.execute(run_context(key))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "the run has no partition key"),
        ("April", "is not a month like"),
        ("2013-4", "write 2013-04"),
        ("2013-04 ", "write 2013-04"),
        ("9999-12", "ends after the year 9999"),
    ],
)
def test_load_fails_for_good_when_the_run_names_no_partition(
    catalog: Catalog, run_context: RunContext, key: str | None, message: str
) -> None:
    load = LoadOperator(task_id="load", table="bronze.trips", catalog=catalog)
    with pytest.raises(AirflowFailException, match=message):
        load.execute(run_context(key))


def test_run_fails_for_good_when_it_names_a_partition_of_a_table_without(
    catalog: Catalog, run_context: RunContext
) -> None:
    load = LoadOperator(task_id="load", table="bronze.stations", catalog=catalog)
    with pytest.raises(AirflowFailException, match="without a partition key"):
        load.execute(run_context("2013-04"))


def test_inputs_are_pinned_when_a_table_is_derived(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    write_table(home, "silver.trips", ["2013-03"])
    write_table(home, "silver.trips", ["2013-04"])
    write_table(home, "bronze.weather", ["2013-04"])
    write_table(home, "silver.stations", [])
    load = LoadOperator(task_id="load", table="gold.trip_features", catalog=catalog)
    load.execute(run_context("2013-04"))
    inputs = fake_submit.spec.inputs
    assert inputs["trips"].table.version == 1
    assert inputs["trips"].partitions == ("2013-03", "2013-04")
    assert inputs["weather"].partitions == ("2013-04",)
    assert inputs["stations"].partitions is None


def test_load_waits_when_a_partition_it_looks_back_at_is_missing(
    catalog: Catalog, run_context: RunContext, home: Path
) -> None:
    write_table(home, "silver.trips", ["2013-01", "2013-04"])
    load = LoadOperator(task_id="load", table="gold.trip_features", catalog=catalog)
    with pytest.raises(
        StaleInput, match=r"silver\.trips, which has not published partition 2013-03"
    ):
        load.execute(run_context("2013-04"))


def test_load_goes_on_when_the_partition_it_looks_back_at_was_published_empty(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    write_table(home, "silver.trips", ["2013-01", "2013-04"])
    note_empty(home, "silver.trips", "2013-03")
    write_table(home, "bronze.weather", ["2013-04"])
    write_table(home, "silver.stations", [])
    load = LoadOperator(task_id="load", table="gold.trip_features", catalog=catalog)
    load.execute(run_context("2013-04"))
    assert fake_submit.spec.inputs["trips"].partitions == ("2013-03", "2013-04")


def test_load_waits_when_an_input_was_never_published(
    catalog: Catalog, run_context: RunContext
) -> None:
    load = LoadOperator(task_id="load", table="silver.stations", catalog=catalog)
    with pytest.raises(StaleInput, match=r"needs bronze\.stations"):
        load.execute(run_context())


def test_batch_goes_from_task_to_task_when_a_table_is_built(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    context = run_context("2013-04", load={"output_uri": "staged"}, gate={"output_uri": "gated"})
    GateOperator(task_id="gate", table="bronze.trips", catalog=catalog).execute(context)
    assert fake_submit.spec.staged_uri == "staged"
    write_gate_record(home, "bronze.trips", "2013-04", {"trips.fast": 3})
    fake_submit.answer = published(home, "2013-03", "2013-04")
    publish = PublishOperator(task_id="publish", table="bronze.trips", catalog=catalog)
    context["ti"].id, context["task_state_store"] = uuid4(), None  # another task
    publish.execute(context)
    assert fake_submit.spec.gated_uri == "gated"
    assert context["outlet_events"]["bronze.trips"].extra == {
        "table": "bronze.trips",
        "version": 1,
        "rows": 98,
        "partition": "2013-04",
        "warnings": {"trips.fast": 3},
    }


def published(home: Path, *partitions: str) -> dict[str, Any]:
    """What the job reports that has published each of these partitions in a commit of its own."""
    for key in partitions:
        write_table(home, "bronze.trips", [key])
    uri, version = str(home / "lake/tables/bronze/trips"), len(partitions) - 1
    return {
        "table": {"name": "bronze.trips", "uri": uri, "version": version},
        "counts": {"rows_out": 98},
    }


@pytest.mark.parametrize("damage", ["lost", "empty", "cut", "data"])
def test_publish_fails_for_good_and_tells_nobody_when_its_table_is_damaged(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, home: Path, damage: str
) -> None:
    fake_submit.answer = published(home, "2013-03", "2013-04")
    place = home / "lake/tables/bronze/trips"
    commit = place / "_delta_log" / f"{1:020}.json"
    named = commit.name
    if damage == "lost":
        commit.unlink()
    elif damage == "data":
        (file,) = place.glob("_partition=2013-03/*.parquet")
        file.unlink()
        named = file.name
    else:
        content = commit.read_bytes()
        commit.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    context = run_context("2013-04", gate={"output_uri": "gated"})
    publish = PublishOperator(task_id="publish", table="bronze.trips", catalog=catalog)
    with pytest.raises(AirflowFailException, match=rf"bronze\.trips is damaged: .*{named}"):
        publish.execute(context)
    assert context["outlet_events"] == {}


def test_every_batch_is_asked_for_when_a_table_is_built_anew(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, landing: Path, home: Path
) -> None:
    write_table(home, "bronze.trips", ["2013-05", "2013-04"])
    for key in ("2013-04", "2013-05", "2013-06"):  # June was delivered and never published
        (landing / f"{key}.csv").touch()
    rebuild = RebuildOperator(task_id="rebuild", table="bronze.trips", catalog=catalog)
    rebuild.execute(run_context())
    spec = fake_submit.spec
    assert [one.partition.key for one in spec.batches] == ["2013-04", "2013-05"]
    assert [one.source_files for one in spec.batches] == [
        (str(landing / "2013-04.csv"),),
        (str(landing / "2013-05.csv"),),
    ]
    assert (spec.table.name, spec.table.version) == ("bronze.trips", 0)
    assert (
        len({one.staged_uri for one in spec.batches} | {one.gated_uri for one in spec.batches}) == 4
    )


def test_nothing_is_built_anew_when_a_file_is_there_no_more(
    catalog: Catalog, run_context: RunContext, landing: Path, home: Path
) -> None:
    rebuild = RebuildOperator(task_id="rebuild", table="bronze.trips", catalog=catalog)
    with pytest.raises(StaleInput, match=r"needs bronze\.trips, which has not published"):
        rebuild.execute(run_context())
    write_table(home, "bronze.trips", ["2013-04"])
    with pytest.raises(SourceMissing, match=r"trips/2013-04\.csv"):
        rebuild.execute(run_context())


def test_link_leads_to_the_batch_s_record_when_a_gate_has_run(
    catalog: Catalog, run_context: RunContext
) -> None:
    gate = GateOperator(task_id="gate", table="bronze.trips", catalog=catalog)

    class Attempt:
        def get_template_context(self) -> Any:
            return run_context("2013-04")

    link = GateRecordLink().get_link(gate, ti_key=Attempt())
    assert link == "/headrace/gates/bronze.trips/2013-04/index.html"
