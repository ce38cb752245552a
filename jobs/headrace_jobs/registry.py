"""The model registry: booster bytes with their manifest, versions, aliases and evaluations.

Nothing is ever unpickled: a version is a booster in XGBoost's own format beside JSON, and its bytes
must be those that were registered.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

import requests  # as above
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from headrace_jobs.manifest import Manifest
from headrace_schemas.errors import EngineUnavailable, ModelTampered

FOLDER = "model"
BOOSTER = f"{FOLDER}/model.ubj"
MANIFEST = f"{FOLDER}/manifest.json"
CHAMPION = "champion"

UNANSWERED = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})


@dataclass(frozen=True)
class LoadedModel:
    """A version whose bytes are those that were registered."""

    version: str
    booster: bytes
    manifest: Manifest


class Registry:
    """A registry behind an MLflow server.

    Attributes:
        uri: Of the server; `$MLFLOW_TRACKING_URI` if not given.
    """

    def __init__(self, uri: str | None = None) -> None:
        # mlflow's own defaults wait for minutes before they give a silent server up
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not self.uri:
            raise EngineUnavailable("model registry", "MLFLOW_TRACKING_URI", "it is not set")
        with self.answering():
            self.client = MlflowClient(self.uri, self.uri)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Tell a registry that does not answer from one that refuses."""
        try:
            yield
        except (requests.ConnectionError, requests.Timeout) as error:
            raise self.unavailable(error) from error
        except MlflowException as error:
            if error.error_code not in UNANSWERED:
                raise
            raise self.unavailable(error) from error

    def unavailable(self, error: Exception) -> EngineUnavailable:
        """The registry does not answer; its address without user and password."""
        parts = urlsplit(self.uri)
        where = f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.hostname else self.uri
        problem = str(error).splitlines()[0][:200].replace(self.uri, where)
        return EngineUnavailable("model registry", where, problem)

    def register(
        self, name: str, booster: bytes, manifest: Manifest, tags: Mapping[str, str]
    ) -> str:
        """Keep a booster as a candidate; the same bytes for the same asker are kept once.

        Args:
            tags: With `answers`: who asked. A run that was interrupted between bytes and version
                leaves a run without a version, which nothing refers to.
        """
        document = manifest.model_dump_json(indent=1)
        all_tags = {
            **tags, "sha256": manifest.sha256, "as_of": manifest.as_of.isoformat(),
            "manifest_sha256": sha256(document.encode()),
        }  # fmt: skip
        with self.answering():
            if (found := self.registered(name, all_tags)) is not None:
                return found
            run_id = self.client.create_run(self.experiment(name), tags=all_tags).info.run_id
            self.write(run_id, BOOSTER, booster)
            self.write(run_id, MANIFEST, document.encode())
            self.client.set_terminated(run_id)
            self.ensure_model(name)
            self.client.create_model_version(
                name, f"runs:/{run_id}/{FOLDER}", run_id, tags={**all_tags, "status": "candidate"}
            )
            # the oldest, should two attempts have registered at the same moment
            return str(self.registered(name, all_tags))

    def load(self, name: str, version: str) -> LoadedModel:
        """A version, with its bytes checked.

        Raises:
            ModelTampered: The bytes are gone or are not those that were registered.
        """
        entry = self.entry(name, version)
        booster = self.read(entry, BOOSTER)
        document = self.read(entry, MANIFEST)
        if sha256(document) != entry.tags.get("manifest_sha256"):
            raise ModelTampered(name, version, "its manifest has changed since it was registered")
        try:
            manifest = Manifest.model_validate_json(document)
        except ValidationError as error:
            problem = "its manifest was written by another version of headrace"
            raise ModelTampered(name, version, problem) from error
        if sha256(booster) != manifest.sha256:
            raise ModelTampered(name, version, "its booster has changed since it was registered")
        return LoadedModel(version, booster, manifest)

    def record_evaluation(
        self, name: str, version: str, evaluation: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Keep what evaluation measured; measuring the same again changes nothing."""
        document = json.dumps(evaluation, indent=1, sort_keys=True).encode()
        entry = self.entry(name, version)
        if entry.tags.get("evaluation_sha256") == sha256(document):
            return
        with self.answering():
            self.write(str(entry.run_id), evaluation_file(sha256(document)), document)
            for metric, value in metrics.items():
                self.client.log_metric(str(entry.run_id), metric, value)
        self.tag(name, version, "evaluation_sha256", sha256(document))

    def evaluation(self, name: str, version: str) -> dict[str, Any]:
        """What evaluation measured of a version; empty if it was never evaluated.

        Raises:
            ModelTampered: It is not what was recorded.
        """
        entry = self.entry(name, version)
        recorded = entry.tags.get("evaluation_sha256")
        if recorded is None:
            return {}
        document = self.read(entry, evaluation_file(recorded))
        if sha256(document) != recorded:
            raise ModelTampered(name, version, "its evaluation has changed since it was recorded")
        return dict(json.loads(document))

    def tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        with self.answering():
            self.client.set_model_version_tag(name, version, key, value)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let `alias` name a version. It is for people: jobs go by the ledger."""
        with self.answering():
            self.client.set_registered_model_alias(name, alias, version)

    def entry(self, name: str, version: str) -> ModelVersion:
        """What the registry knows of a version."""
        try:
            with self.answering():
                return self.client.get_model_version(name, version)
        except MlflowException as error:
            raise ModelTampered(name, version, "the registry does not hold it") from error

    def registered(self, name: str, tags: Mapping[str, str]) -> str | None:
        """The oldest version with the same bytes for the same asker."""
        found = self.client.search_model_versions(
            f"name = '{name}' and tag.sha256 = '{tags['sha256']}'"
        )
        same = [int(one.version) for one in found if one.tags.get("answers") == tags.get("answers")]
        return str(min(same)) if same else None

    def experiment(self, name: str) -> str:
        """The experiment that holds a model's runs."""
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def ensure_model(self, name: str) -> None:
        """Make the registered model unless it is there."""
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def write(self, run_id: str, path: str, content: bytes) -> None:
        """Keep one file with a run."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, Path(path).name)
            file.write_bytes(content)
            self.client.log_artifact(run_id, str(file), str(Path(path).parent))

    def read(self, entry: ModelVersion, path: str) -> bytes:
        """One file of a version's run."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                with self.answering():
                    file = self.client.download_artifacts(str(entry.run_id), path, folder)
                return Path(file).read_bytes()
            except EngineUnavailable:
                raise
            except (MlflowException, OSError) as error:
                problem = f"{path} cannot be read"
                raise ModelTampered(entry.name, entry.version, problem) from error


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


def evaluation_file(digest: str) -> str:
    """Where an evaluation lies; the version's tag says which one counts, and changes at once."""
    return f"{FOLDER}/evaluation-{digest[:12]}.json"
