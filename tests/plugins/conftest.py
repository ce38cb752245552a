"""What the tests of the Airflow side share: small declarations, a run's context, jobs that never run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

import tests.own_airflow  # noqa: F401 - before Airflow
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.operators import spark_job
from headrace_airflow.settings import DeploymentSettings
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.wire.jobs import JOBS, read_spec
from tests.plugins.ledger import decision

DECLARATIONS = Path(__file__).parents[1] / "dags" / "declarations"


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.load(DECLARATIONS)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own, and no job host."""
    for name in ("HEADRACE_LAKE", "HEADRACE_LANDING", "HEADRACE_JOB_HOST", "HEADRACE_JARS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path))
    return tmp_path


class StateStore:
    """What Airflow keeps for a task or an asset beyond one try."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self.set(key, value)


class PerAsset(dict[Any, Any]):
    """Something per asset, made when it is first asked for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, asset: Any) -> Any:
        self[asset.name] = self.get(asset.name) or self.make()
        return self[asset.name]


class Attempt:
    """One try of a task of a run."""

    def __init__(self, dag_id: str, task_id: str, handed_on: Mapping[str, Any]) -> None:
        self.dag_id, self.task_id, self.id = dag_id, task_id, uuid4()
        self.max_tries = 3
        self.stats_tags: dict[str, str] = {}
        self.handed_on = handed_on

    def xcom_pull(self, task_ids: str) -> Any:
        return self.handed_on[task_ids]


@pytest.fixture
def run_context() -> Callable[..., Any]:
    """Builds a run's context: what Airflow hands to `execute`."""

    def build(
        partition: str | None = None,
        *,
        kind: str = "manual",
        conf: dict[str, Any] | None = None,
        **handed_on: Any,
    ) -> dict[str, Any]:
        run = SimpleNamespace(
            partition_key=partition, run_type=kind, run_id=f"{kind}__1", conf=conf or {}
        )
        form = {"reason": "by hand"} | dict.fromkeys(
            ("as_of", "learn_from", "num_boost_round", "max_depth")
        )
        return {
            "ti": Attempt("dag", "task", handed_on),
            "dag_run": run,
            "run_id": run.run_id,
            "params": {**form, **(conf or {})},
            "task_state_store": StateStore(),
            "asset_state_store": PerAsset(StateStore),
            "outlet_events": PerAsset(lambda: SimpleNamespace(extra=None)),
            "triggering_asset_events": PerAsset(list),
        }

    return build


WRITTEN: dict[str, Any] = {"table": {"name": "t", "uri": "u", "version": 0}, "counts": {}}
WHOLE: dict[str, dict[str, Any]] = {
    "load": {"output_uri": "staged", "counts": {}},
    "gate": {"verdict": "passed", "counts": {}, "record_uri": "record", "output_uri": "gated"},
    "publish": WRITTEN,
    "rebuild": WRITTEN,
    "train": {"model_version": "1", "counts": {}},
    "evaluate": {"model_version": "1", "counts": {}},
    "promote": {"table": WRITTEN["table"], "decision": decision(Verdict.REFUSE)},
    "score": {"counts": {}},
    "monitor": WRITTEN,
    "decide": {"table": WRITTEN["table"]},
    "release": {"table": WRITTEN["table"]},
    "maintain": {},
}
"""What a report of each job must have, where a test does not say otherwise."""


class FakeSubmit:
    """Takes the place of starting a job: keeps the spec and answers with a report at once."""

    def __init__(self) -> None:
        self.specs: list[Any] = []
        self.engines: list[str] = []
        self.answer: dict[str, Any] = {}

    def __call__(
        self,
        engine: str,
        directory: JobDirectory,
        settings: DeploymentSettings,
        conf: Mapping[str, str],
    ) -> None:
        spec = read_spec(directory.spec_json())
        self.specs.append(spec)
        self.engines.append(engine)
        whole = WHOLE.get(spec.job, {})
        content = {"job": spec.job, "job_id": spec.job_id, **whole, **self.answer}
        report = JOBS.named(spec.job).report.model_validate(content)
        (directory.path / "report.json").write_text(report.model_dump_json())

    @property
    def spec(self) -> Any:
        """The last spec."""
        return self.specs[-1]


@pytest.fixture
def fake_submit(monkeypatch: pytest.MonkeyPatch) -> FakeSubmit:
    fake = FakeSubmit()
    monkeypatch.setattr(spark_job, "start_job", fake)
    return fake
