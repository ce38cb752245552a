"""What people read of a training in the registry's pages."""

from headrace_jobs.learning.run_notes import LONGEST, notes_of
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs.learning import TABLE, model, train_spec
from tests.jobs.test_registry import booster, manifest

FEATURES = PinnedTable(name=TABLE, uri="lake/tables/gold/trips", version=3)


def test_notes_say_what_was_chosen_and_lead_to_airflow_when_a_model_was_trained() -> None:
    declared = model("late")
    page = "http://airflow/dags/train.late/runs/1"
    spec = train_spec(declared, FEATURES, request_id="late/retraining/2024-04")
    spec = spec.model_copy(update={"run_page": page})

    notes = notes_of(spec, manifest(booster(), "late"))

    assert notes.name == "late as of 2024-05-01"
    assert notes.params["table_version"] == "3"
    assert notes.params["num_boost_round"] == str(declared.training.num_boost_round)
    assert {name: notes.params[name] for name in declared.training.params} == {
        name: str(value) for name, value in declared.training.params.items()
    }
    assert notes.metrics == {"train_rows": 60.0, "holdout_rows": 6.0}
    assert f"({page})" in notes.text
    assert "`late/retraining/2024-04`" in notes.text


def test_notes_have_no_link_when_nobody_knows_airflow_s_address() -> None:
    notes = notes_of(train_spec(model("late"), FEATURES), manifest(booster(), "late"))
    assert "](" not in notes.text


def test_parameter_is_cut_when_mlflow_would_refuse_its_length() -> None:
    groups = [["stops", "wind"]] * 1000
    declared = model("late").with_training({"interaction_constraints": groups})
    notes = notes_of(train_spec(declared, FEATURES), manifest(booster(), "late"))
    assert len(notes.params["interaction_constraints"]) == LONGEST
