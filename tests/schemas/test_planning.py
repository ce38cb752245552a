"""Specs: pinned inputs, data time and what a run needs of the ledger."""

from datetime import UTC, datetime

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import StaleInput
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.jobs import read_spec
from tests.schemas.declarations import change, write

DAY = Partition.parse(PartitionUnit.DAY, "2024-01-05")


@pytest.fixture
def planner(tmp_path):
    return Planner(Catalog.load(write(tmp_path)), Lake(root="/lake"), lambda uri: 7, digests, "run")


def digests(model: str, version: str) -> PinnedModel:
    """What the ledger holds of any version."""
    return PinnedModel(version=version, booster_sha256=f"b{version}", manifest_sha256="m")


def promoted(version: str, day: int, request_id: str) -> Decision:
    instant = datetime(2024, 1, day, tzinfo=UTC)
    return Decision(
        id=f"load/promotion/{request_id}",
        model="load",
        kind=Kind.PROMOTION,
        window=version,
        as_of=instant,
        verdict=Verdict.PROMOTE,
        reason="",
        request_id=request_id,
        model_version=version,
        effective_from=instant,
    )


def test_inputs_are_pinned_with_their_partitions_when_a_derived_table_is_loaded(planner):
    spec = planner.load("gold.readings", DAY, (), "job-1")
    pinned = spec.inputs["readings"]
    assert pinned.table.version == 7
    assert pinned.partitions == ("2024-01-03", "2024-01-04", "2024-01-05")
    assert spec.staged_uri == "/lake/staging/gold.readings/2024-01-05/job-1"


def test_plan_fails_when_an_input_was_never_published(tmp_path):
    planner = Planner(
        Catalog.load(write(tmp_path)), Lake(root="/lake"), lambda uri: None, digests, "run"
    )
    with pytest.raises(StaleInput, match=r"needs bronze\.readings"):
        planner.load("gold.readings", DAY, (), "job-1")


def test_partition_is_scored_by_the_champion_of_its_time_when_replayed(planner):
    model = planner.catalog.models["load"]
    history = [promoted("1", 3, "a"), promoted("2", 5, "b"), promoted("3", 6, "c")]
    assert planner.score(model, DAY, history, "job").champion == digests("load", "2")
    assert planner.score(model, DAY.before(), history, "job").champion == digests("load", "1")
    assert planner.score(model, DAY.before().before().before(), history, "job").champion is None


def test_evaluation_does_not_meet_its_own_answer_when_repeated(planner):
    model = planner.catalog.models["load"]
    history = [promoted("1", 3, "a"), promoted("2", 6, "b")]
    train = planner.train(model, datetime(2024, 1, 6, tzinfo=UTC), "b", "job")
    spec = planner.evaluate(train, "2", history, "job")
    assert (spec.challenger, spec.champion) == (digests("load", "2"), digests("load", "1"))


def test_labels_count_as_matured_when_the_delay_has_passed(planner):
    spec = planner.monitor(planner.catalog.models["load"], DAY, [], None, "job")
    assert spec.as_of == datetime(2024, 1, 7, tzinfo=UTC)
    assert spec.first is None


def test_spec_is_the_same_when_read_back(planner):
    spec = planner.load("gold.readings", DAY, (), "job-1")
    assert read_spec(spec.model_dump_json()) == spec


@pytest.mark.parametrize("job_id", ["../x", "a b", "", "a/b"])
def test_job_id_is_refused_when_it_is_no_folder_name(planner, job_id):
    with pytest.raises(ValueError, match="job_id"):
        planner.load("gold.readings", DAY, (), job_id)


def test_gate_knows_table_and_time_when_a_model_learns_from_it(planner):
    spec = planner.gate("gold.readings", DAY, "staged", "job-1")
    assert spec.event_time == "read_at"  # by the model
    assert (spec.table.uri, spec.table.version) == ("/lake/tables/gold/readings", 7)
    assert spec.most_quarantined is None
    assert planner.gate("bronze.readings", DAY, "staged", "job-1").event_time is None


def test_gate_knows_no_table_when_each_partition_tells_of_the_same_keys(tmp_path):
    root = write(tmp_path)
    change(root / "pipelines/meters.yaml", "source: {", "unique_in: partition\n    source: {")
    planner = Planner(Catalog.load(root), Lake(root="/lake"), lambda uri: 7, digests, "run")
    assert planner.gate("bronze.readings", DAY, "staged", "job-1").table is None
    assert planner.gate("gold.readings", DAY, "staged", "job-1").table is not None


def test_gate_knows_the_share_that_the_pipeline_declares(tmp_path):
    root = write(tmp_path)
    file = change(root / "pipelines/meters.yaml", "tables:", "most_quarantined: 0.5\ntables:")
    change(file, "source: {", "most_quarantined: 0\n    source: {")
    planner = Planner(Catalog.load(root), Lake(root="/lake"), lambda uri: None, digests, "run")
    shares = {"bronze.readings": 0.0, "gold.readings": 0.5}
    for table, share in shares.items():
        spec = planner.gate(table, DAY, "staged", "job-1")
        assert (spec.most_quarantined, spec.table) == (share, None)


def test_history_is_the_feature_tables_when_a_model_writes(tmp_path):
    root = write(tmp_path)
    file = change(root / "pipelines/meters.yaml", "tables:", "history_days: 90\ntables:")
    change(file, "source: {", "history_days: 30\n    source: {")
    catalog = Catalog.load(root)
    planner = Planner(catalog, Lake(root="/lake"), lambda uri: 7, digests, "run")
    assert catalog.build("bronze.readings").history_days == 30
    model = catalog.models["load"]
    assert planner.score(model, DAY, [], "job-1").history_days == 90
    assert planner.monitor(model, DAY, [], None, "job-1").history_days == 90
    assert planner.publish("gold.readings", DAY, "gated", "job-1").build.history_days == 90
