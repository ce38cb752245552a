"""The connection types that Headrace lends, where Airflow's own Spark provider is not installed."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from airflow.sdk.module_loading import import_string

from headrace_airflow.engine.connection_types import CONNECTION_TYPES, PROVIDER, provider_info


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder that packages are installed in."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    return tmp_path


def test_types_are_lent_when_airflow_s_provider_is_not_installed(site: Path) -> None:
    info = provider_info()
    assert [one["connection-type"] for one in info["connection-types"]] == [
        "spark",
        "spark_connect",
    ]
    schema = json.loads(
        resources.files("airflow").joinpath("provider_info.schema.json").read_text()
    )
    jsonschema.validate(info, schema)


def test_types_are_left_to_airflow_s_provider_when_it_is_installed(site: Path) -> None:
    about = site / f"{PROVIDER.replace('-', '_')}-6.3.4.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {PROVIDER}\nVersion: 6.3.4\n")
    assert provider_info()["connection-types"] == []


@pytest.mark.parametrize("lent", CONNECTION_TYPES, ids=lambda one: one["connection-type"])
def test_class_that_airflow_imports_for_a_type_is_of_that_type(lent: dict[str, str]) -> None:
    hook = import_string(lent["hook-class-name"])
    assert hook.conn_type == lent["connection-type"]
    assert hook.hook_name == lent["hook-name"]
    assert hook.conn_name_attr


def test_asking_loads_neither_airflow_nor_the_kernel() -> None:
    script = (
        "import sys; from headrace_airflow.engine.connection_types import provider_info; "
        "provider_info(); print(*{name.partition('.')[0] for name in sys.modules})"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "headrace_airflow" in asked.stdout.split()
    assert not {"airflow", "headrace_schemas", "pydantic"} & set(asked.stdout.split())
