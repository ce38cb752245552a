"""The registry: what is kept comes back, and nothing else does."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import requests
import xgboost

from headrace_jobs.learning.manifest import Feature, FeatureKind, Manifest, TrainingWindow
from headrace_jobs.learning.registry import CHAMPION, Registry, sha256
from headrace_jobs.learning.run_notes import RunNotes
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.model import Task
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.model_errors import ModelTampered
from tests.jobs.learning import aliased

START_SECONDS = 120
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def booster(rounds: int = 2) -> bytes:
    random = np.random.default_rng(1)
    data = xgboost.DMatrix(random.normal(size=(60, 2)), random.random(60), feature_names=["a", "b"])
    return bytes(xgboost.train({"max_depth": 2, "nthread": 1}, data, rounds).save_raw("ubj"))


def manifest(content: bytes, name: str = "m") -> Manifest:
    window = TrainingWindow(
        train_start=NOON, holdout_start=NOON, holdout_end=NOON, train_rows=60, holdout_rows=6
    )
    return Manifest(
        model=name,
        task=Task.REGRESSION,
        declaration_hash="d",
        table="gold.trips",
        features=tuple(Feature(name=one, type="DOUBLE", kind=FeatureKind.NUMBER) for one in "ab"),
        table_version=3,
        contract_hash="c",
        as_of=NOON,
        window=window,
        workers=1,
        sha256=sha256(content),
        xgboost=xgboost.__version__,
    )


def register(registry: Registry, name: str, request_id: str = "run-1", rounds: int = 2) -> str:
    return pinned(registry, name, request_id, rounds).version


def pinned(
    registry: Registry, name: str, request_id: str = "run-1", rounds: int = 2
) -> PinnedModel:
    content = booster(rounds)
    return registry.register(name, content, manifest(content, name), {"answers": request_id})


def artifact(registry: Registry, name: str, version: str, file: str) -> Path:
    run = registry.client.get_run(str(registry.entry(name, version).run_id))
    return Path(run.info.artifact_uri.removeprefix("file://")) / "model" / file


def test_the_same_model_comes_back_when_it_was_registered(mlflow_uri: str) -> None:
    registry, content = Registry(), booster()

    kept = pinned(registry, "kept")
    version = kept.version
    loaded = registry.load("kept", kept)

    assert (loaded.version, loaded.booster) == ("1", content)
    assert loaded.manifest == manifest(content, "kept")
    tags = registry.entry("kept", version).tags
    assert tags["status"] == "candidate"
    assert tags["answers"] == "run-1"
    assert tags["sha256"] == sha256(content)
    assert tags["as_of"] == "2024-05-01T12:00:00+00:00"


def test_people_see_what_was_trained_when_they_look_at_a_run(mlflow_uri: str) -> None:
    content, registry = booster(), Registry()
    notes = RunNotes(
        name="shown as of 2024-05-01",
        text="Learnt from gold.trips version 3. [The run in Airflow](http://airflow/runs/1).",
        params={"max_depth": "2", "table_version": "3"},
        metrics={"train_rows": 60.0},
    )

    kept = registry.register("noted", content, manifest(content, "noted"), {"answers": "a"}, notes)

    entry = registry.entry("noted", kept.version)
    run = registry.client.get_run(str(entry.run_id))
    assert run.info.run_name == "shown as of 2024-05-01"
    assert run.data.params == {"max_depth": "2", "table_version": "3"}
    assert run.data.metrics == {"train_rows": 60.0}
    assert run.data.tags["mlflow.note.content"] == notes.text
    assert entry.description == notes.text
    assert registry.load("noted", kept).booster == content


def test_no_second_version_is_made_when_the_same_asker_brings_the_same_bytes(
    mlflow_uri: str,
) -> None:
    registry = Registry()

    versions = [
        register(registry, "asked"),
        register(registry, "asked"),
        register(registry, "asked", request_id="run-2"),
        register(registry, "asked", rounds=3),
        register(registry, "asked", request_id="run-2"),
    ]

    assert versions == ["1", "1", "2", "3", "2"]


@pytest.mark.parametrize(
    ("file", "problem"),
    [("model.ubj", "its booster has changed"), ("manifest.json", "its manifest has changed")],
)
def test_a_model_is_refused_when_one_byte_was_changed(
    mlflow_uri: str, file: str, problem: str
) -> None:
    registry = Registry()
    kept = pinned(registry, f"tampered_{file[:5]}")
    path = artifact(registry, f"tampered_{file[:5]}", kept.version, file)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ModelTampered, match=problem):
        registry.load(f"tampered_{file[:5]}", kept)


def test_a_model_is_refused_when_bytes_and_manifest_were_both_exchanged(mlflow_uri: str) -> None:
    registry, other = Registry(), booster(5)
    kept = pinned(registry, "exchanged")
    version = kept.version
    document = manifest(other, "exchanged").model_dump_json(indent=1)
    artifact(registry, "exchanged", version, "model.ubj").write_bytes(other)
    artifact(registry, "exchanged", version, "manifest.json").write_text(document)

    for digest in ("manifest_sha256", "sha256"):
        registry.tag("exchanged", version, digest, sha256(document.encode()))

    with pytest.raises(ModelTampered, match="model exchanged version 1: its manifest has changed"):
        registry.load("exchanged", kept)


def test_a_model_is_refused_when_its_bytes_are_gone(mlflow_uri: str) -> None:
    registry = Registry()
    kept = pinned(registry, "gone")
    artifact(registry, "gone", kept.version, "model.ubj").unlink()

    with pytest.raises(ModelTampered, match=r"model/model\.ubj cannot be read"):
        registry.load("gone", kept)


def test_a_model_is_refused_when_the_registry_does_not_hold_the_version(mlflow_uri: str) -> None:
    unheard = PinnedModel(version="7", booster_sha256="b", manifest_sha256="m")
    with pytest.raises(ModelTampered, match="model unheard version 7: the registry does not hold"):
        Registry().load("unheard", unheard)


def test_a_manifest_is_refused_when_another_version_of_headrace_wrote_it(mlflow_uri: str) -> None:
    registry = Registry()
    kept = pinned(registry, "foreign")
    path = artifact(registry, "foreign", kept.version, "manifest.json")
    path.write_text('{"model": "foreign"}')
    kept = kept.model_copy(update={"manifest_sha256": sha256(path.read_bytes())})

    with pytest.raises(ModelTampered, match="written by another version of headrace"):
        registry.load("foreign", kept)


def test_an_alias_moves_when_it_is_set_again(mlflow_uri: str) -> None:
    registry = Registry()
    first, second = register(registry, "aliased"), register(registry, "aliased", "run-2")

    registry.set_alias("aliased", CHAMPION, first)
    registry.set_alias("aliased", CHAMPION, second)
    registry.set_alias("aliased", CHAMPION, second)

    assert aliased(registry, "aliased") == second


def judged(registry: Registry, name: str, version: str) -> str:
    return registry.record_evaluation(name, version, {"metrics": {"auc": 0.7}}, {"auc": 0.7})


def test_an_evaluation_comes_back_when_it_was_recorded(mlflow_uri: str) -> None:
    registry = Registry()
    kept = pinned(registry, "judged")

    assert registry.evaluation("judged", kept) == {}
    (digest,) = {judged(registry, "judged", kept.version) for _ in range(2)}

    run_id = str(registry.entry("judged", kept.version).run_id)
    kept = kept.model_copy(update={"evaluation_sha256": digest})
    assert registry.evaluation("judged", kept) == {"metrics": {"auc": 0.7}}
    assert len(registry.client.get_metric_history(run_id, "auc")) == 1


def test_an_evaluation_is_refused_when_it_was_changed(mlflow_uri: str) -> None:
    registry = Registry()
    kept = pinned(registry, "embellished")
    digest = judged(registry, "embellished", kept.version)
    (path,) = artifact(registry, "embellished", kept.version, "model.ubj").parent.glob(
        "evaluation*"
    )
    path.write_text(path.read_text().replace("0.7", "0.9"))

    with pytest.raises(ModelTampered, match="its evaluation has changed"):
        registry.evaluation("embellished", kept.model_copy(update={"evaluation_sha256": digest}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_engine_is_unavailable_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port = free_port()

    with pytest.raises(EngineUnavailable) as caught:
        Registry(f"http://someone:secret@127.0.0.1:{port}").entry("m", "1")

    assert f"model registry at http://127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.retryable


def test_the_engine_is_unavailable_when_no_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("HEADRACE_MODELS", raising=False)

    with pytest.raises(EngineUnavailable, match="MLFLOW_TRACKING_URI: it is not set"):
        Registry()
    with pytest.raises(EngineUnavailable, match="HEADRACE_MODELS: it is not set"):
        Registry("sqlite:///registry.db")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A registry server of its own on loopback."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        url.rsplit(":", 1)[1],
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination",
        str(tmp_path / "artifacts"),
    ]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            start_new_session=True,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        )
    try:
        wait_until_healthy(url, process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_healthy(
    url: str, process: subprocess.Popen[bytes], auth: tuple[str, str] | None = None
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{url}/health", timeout=1, auth=auth).raise_for_status()
        except requests.RequestException:
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise TimeoutError(f"no registry at {url}")


def test_everything_holds_when_the_registry_is_a_server(server: str) -> None:
    registry, content = Registry(server), booster()

    kept = pinned(registry, "served")
    again = pinned(registry, "served")
    registry.set_alias("served", CHAMPION, kept.version)
    digest = judged(registry, "served", kept.version)

    assert again == kept
    assert registry.load("served", kept).booster == content
    assert aliased(registry, "served") == kept.version
    kept = kept.model_copy(update={"evaluation_sha256": digest})
    assert registry.evaluation("served", kept) == {"metrics": {"auc": 0.7}}
    with pytest.raises(ModelTampered, match="the registry does not hold it"):
        registry.load("served", kept.model_copy(update={"version": "9"}))
