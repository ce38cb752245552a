"""`headrace validate` finds what loading alone does not."""

from pathlib import Path

import pytest

from headrace_launcher.validate import editor_schemas, validate
from headrace_schemas.errors import DeclarationInvalid
from tests.schemas.declarations import change, write

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "meter_transforms.py").write_text("def gold_readings(readings):\n    ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return write(tmp_path / "schemas")


def test_declarations_pass_when_complete(root):
    checked = validate(root)
    assert (checked.contracts, checked.pipelines, checked.models, checked.transforms) == (
        2,
        1,
        1,
        1,
    )
    assert checked.rules > 10


def test_contract_is_refused_when_odcs_forbids_it(root):
    change(root / "contracts/gold/readings.odcs.yaml", "kind: DataContract", "kind: DataContrat")
    with pytest.raises(DeclarationInvalid, match=r":2: kind"):
        validate(root)


def test_transform_is_refused_when_its_module_is_missing(root):
    change(root / "pipelines/meters.yaml", "meter_transforms:", "lost_transforms:")
    with pytest.raises(DeclarationInvalid, match="no module lost_transforms"):
        validate(root)


def test_sql_transform_is_refused_when_its_file_is_missing(root):
    change(root / "pipelines/meters.yaml", "meter_transforms:gold_readings", "gold_readings.sql")
    with pytest.raises(DeclarationInvalid, match="no such file"):
        validate(root)
    (root / "pipelines/gold_readings.sql").write_text("SELECT * FROM readings")
    assert validate(root).transforms == 1


@pytest.mark.parametrize("name", editor_schemas())
def test_editor_schema_is_up_to_date_when_declarations_change(name):
    assert (PROJECT / "schemas/json" / name).read_text() == editor_schemas()[name]
