"""Every Dag file is read although nothing heavy can be imported, and makes the Dags it should."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.dags.reading import read_dags

DECLARATIONS = Path(__file__).parent / "declarations"


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return read_dags(DECLARATIONS)


@pytest.fixture
def dags(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["dags"]
    return found


def test_nothing_heavy_is_loaded_when_dags_are_read(result: dict[str, Any]) -> None:
    assert result["errors"] == {}
    assert result["loaded"] == []


def test_every_table_and_model_has_its_dags_when_declared(dags: dict[str, Any]) -> None:
    tables = {
        "bronze.stations",
        "bronze.trips",
        "bronze.weather",
        "gold.station_list",
        "gold.trip_features",
        "silver.stations",
        "silver.trips",
    }
    models = {
        f"{kind}.{model}"
        for kind in ("score", "monitor", "retrain", "train", "release")
        for model in ("long_trip", "duration")
    }
    rebuilds = {f"rebuild.{name}" for name in tables}
    looked_after = {"maintain.rides", "maintain_models"}
    assert set(dags) == tables | rebuilds | models | looked_after | {"promote.duration"}


def test_tables_are_looked_after_daily_one_at_a_time(dags: dict[str, Any]) -> None:
    built = dags["maintain.rides"]
    assert built["schedule"] == "CronTriggerTimetable"
    assert built["catchup"] is False
    assert built["at_once"] == dict.fromkeys(built["after"], 1)
    assert {"bronze.trips", "gold.station_list"} < set(built["after"])
    assert built["limit_minutes"]["gold.station_list"] == 5
    models = {"duration", "long_trip", "headrace.ledger", "headrace.home", "headrace.fsck"}
    assert set(dags["maintain_models"]["after"]) == models


def test_table_is_built_anew_only_when_a_person_asks(dags: dict[str, Any]) -> None:
    rebuilt = dags["rebuild.silver.trips"]
    assert rebuilt["schedule"] == "NullTimetable"
    assert rebuilt["after"] == {"rebuild": []}
    assert rebuilt["at_once"] == {"rebuild": 1}
    assert rebuilt["outlets"] == {}
    assert dags["rebuild.silver.stations"]["outlets"] == {"rebuild": ["silver.stations"]}


def test_table_is_published_after_its_gate_when_built(dags: dict[str, Any]) -> None:
    built = dags["silver.trips"]
    assert built["after"] == {"load": [], "gate": ["load"], "publish": ["gate"]}
    assert built["outlets"] == {"publish": ["silver.trips"]}
    assert built["at_once"] == {"publish": 1}
    assert built["owners"] == ["data-platform"]
    assert built["pools"] == ["default_pool"]
    assert "| `trip_id` (key) | STRING | Names the trip. |" in built["doc"]


@pytest.mark.parametrize(
    ("table", "schedule"),
    [
        ("bronze.trips", "PartitionTimetable"),
        ("bronze.stations", "CronTriggerTimetable"),
        ("silver.stations", "AssetTriggeredTimetable"),
        ("silver.trips", "PartitionedAssetTimetable"),
        ("gold.trip_features", "PartitionedAssetTimetable"),
        ("gold.station_list", "AssetTriggeredTimetable"),
        ("score.long_trip", "PartitionedAssetTimetable"),
        ("monitor.long_trip", "PartitionedAssetTimetable"),
        ("retrain.long_trip", "CronTriggerTimetable"),
        ("train.long_trip", "AssetOrTimeSchedule"),
        ("train.duration", "AssetTriggeredTimetable"),
        ("release.duration", "AssetOrTimeSchedule"),
    ],
)
def test_dag_runs_when_its_kind_is_due(dags: dict[str, Any], table: str, schedule: str) -> None:
    assert dags[table]["schedule"] == schedule
    assert dags[table]["catchup"] is False


def test_calendar_ends_after_the_last_partition_when_the_data_ends(dags: dict[str, Any]) -> None:
    assert dags["bronze.trips"]["end"] == "2014-02-01T00:00:00+00:00"


def test_load_is_patient_when_it_looks_back(dags: dict[str, Any]) -> None:
    assert dags["gold.trip_features"]["retries"] == {"load": 10, "gate": 3, "publish": 3}


def test_every_job_has_the_limit_that_is_declared_for_it(dags: dict[str, Any]) -> None:
    tasks = ("load", "gate", "publish")
    assert dags["bronze.trips"]["limit_minutes"] == dict.fromkeys(tasks, 90)
    assert dags["gold.station_list"]["limit_minutes"] == dict.fromkeys(tasks, 5)
    assert dags["train.duration"]["limit_minutes"] == {"train": 300, "evaluate": 20, "promote": 20}
    assert dags["score.duration"]["limit_minutes"] == {"score": 20}
    assert dags["monitor.duration"]["limit_minutes"] == {"monitor": 20, "decide": 20}
    assert dags["release.duration"]["limit_minutes"] == {"release": 20}
    assert dags["promote.duration"]["limit_minutes"] == {"promote": 20, "refuse": 20}
    usual = dags["train.long_trip"]["limit_minutes"]
    assert usual == {"train": 1440, "evaluate": 360, "promote": 360}


def test_model_is_watched_by_four_steps_when_scored(dags: dict[str, Any]) -> None:
    watched = dags["monitor.long_trip"]
    assert watched["after"] == {
        "await_labels": [],
        "monitor": ["await_labels"],
        "decide": ["monitor"],
        "announce_hold": ["decide"],
    }
    assert watched["outlets"] == {"announce_hold": ["hold.long_trip"]}
    assert watched["owners"] == ["data-science"]
    assert dags["score.long_trip"]["outlets"] == {"score": ["predictions.long_trip"]}
    assert dags["retrain.long_trip"]["outlets"] == {"await_request": ["retrain.long_trip"]}


def test_model_is_trained_in_four_steps_when_no_person_is_asked(dags: dict[str, Any]) -> None:
    trained = dags["train.long_trip"]
    assert trained["after"] == {
        "plan": [],
        "train": ["plan"],
        "evaluate": ["train"],
        "promote": ["evaluate"],
    }
    assert trained["form"] == ["as_of", "learn_from", "max_depth", "num_boost_round", "reason"]


def test_person_is_asked_in_a_dag_of_its_own_when_approval_is_required(
    dags: dict[str, Any],
) -> None:
    assert dags["train.duration"]["outlets"] == {"ask_for_approval": ["candidate.duration"]}
    assert dags["promote.duration"]["after"] == {
        "approve": [],
        "promote": ["approve"],
        "refuse": ["promote"],
    }


def test_person_is_asked_about_held_windows_in_a_dag_of_its_own(dags: dict[str, Any]) -> None:
    asked = dags["release.long_trip"]
    assert asked["after"] == {"plan": [], "ask": ["plan"], "release": ["ask"]}
    assert asked["at_once"] == {"release": 1}
    assert asked["form"] == ["window"]


@pytest.mark.parametrize(
    ("dag", "roles"),
    [
        ("bronze.trips", ["engineer", "operator"]),
        ("rebuild.bronze.trips", ["engineer", "operator"]),
        ("score.duration", ["engineer", "operator"]),
        ("monitor.duration", ["engineer", "operator"]),
        ("retrain.duration", ["engineer", "operator"]),
        ("train.duration", ["engineer"]),
        ("promote.duration", ["engineer"]),
        ("release.duration", ["engineer"]),
    ],
)
def test_dag_grants_changes_to_the_roles_of_its_kind(
    dags: dict[str, Any], dag: str, roles: list[str]
) -> None:
    assert dags[dag]["access"] == roles
    assert [name for name, one in dags.items() if one["access"] is None] == []


def test_only_the_asked_dag_is_made_when_a_task_s_process_reads_the_file() -> None:
    assert set(read_dags(DECLARATIONS, "gold.trip_features")["dags"]) == {"gold.trip_features"}


def test_import_error_names_files_and_lines_when_declarations_are_wrong(tmp_path: Path) -> None:
    wrong = shutil.copytree(DECLARATIONS, tmp_path / "schemas")
    pipeline = wrong / "pipelines" / "rides.yaml"
    text = pipeline.read_text()
    pipeline.write_text(text.replace("schedule:", "schedul:"))
    line = 1 + text.splitlines().index('schedule: "0 2 1 * *"')
    model = wrong / "models" / "duration.yaml"
    model.write_text(model.read_text().replace("target: minutes", "target: station"))
    result = read_dags(wrong)
    assert result["dags"] == {}
    (error,) = result["errors"].values()
    assert f"{pipeline}:{line}: schedul: unknown key. Known keys here: " in error
    assert f"{model}:6: target: column station of gold.trip_features is STRING" in error
