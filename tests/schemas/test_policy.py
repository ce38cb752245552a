"""Policies of their own files: what they change of a model, and what is refused."""

from pathlib import Path

import pytest

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.policy import with_policy
from headrace_schemas.project_errors import DeclarationInvalid

MODEL = Catalog.load(Path(__file__).parents[2] / "schemas").models["delay"]


def changed(folder: Path, text: str):
    file = folder / "policy.yaml"
    file.write_text(text)
    return with_policy(MODEL, file)


def test_what_the_file_says_is_changed_and_nothing_else_when_it_has_one_key(tmp_path):
    found = changed(tmp_path, "retraining: {cost: 0.5, horizon_windows: 3}\n")
    assert (found.retraining.cost, found.retraining.horizon_windows) == (0.5, 3)
    assert found.retraining.most_a_year == 24  # the default, whatever the model's file says
    assert found.model_copy(update={"retraining": MODEL.retraining}) == MODEL


def test_monitored_metric_is_the_models_when_the_file_names_none(tmp_path):
    found = changed(tmp_path, "monitors: {inputs: {psi: 0.4}}\n")
    assert found.monitors.inputs.psi == 0.4
    assert found.monitors.performance.metric == MODEL.monitors.performance.metric


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("retraining:\n  costs: 1\n", r"policy\.yaml.*2.*costs.*unknown key.*Did you mean cost"),
        ("gates: {}\n", "gates.*unknown key"),
        ("monitors:\n  performance: {metric: rmse}\n", r"monitors\.performance\.metric"),
        ("retraining: {confidence: 2}\n", r"retraining\.confidence"),
    ],
)
def test_file_is_refused_with_its_place_when_something_is_wrong(tmp_path, text, said):
    with pytest.raises(DeclarationInvalid, match=f"(?s){said}"):
        changed(tmp_path, text)
