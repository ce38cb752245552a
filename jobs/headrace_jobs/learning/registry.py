"""The model registry: booster bytes with their manifest, versions, aliases and evaluations.

Nothing is ever unpickled: a version is a booster in XGBoost's own format beside JSON. What the
registry says of its own bytes is for people; jobs load what has the digests of the ledger.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

import requests  # as above
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from pydantic import ValidationError
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from headrace_jobs.engine.store_errors import store_unavailable
from headrace_jobs.learning.manifest import Manifest
from headrace_jobs.learning.registry_database import show_password
from headrace_jobs.learning.run_notes import RunNotes
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.model_errors import ModelTampered
from headrace_schemas.places import Place

FOLDER = "model"
BOOSTER = f"{FOLDER}/model.ubj"
JUDGED = f"{FOLDER}/judged.ubj"
MANIFEST = f"{FOLDER}/manifest.json"
CHAMPION = "champion"

SERVERS = ("http", "https")
"""Schemes of registries that keep the bytes as they see fit; others are databases."""

ANSWER_SECONDS = 20

UNANSWERED = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})


@dataclass(frozen=True)
class LoadedModel:
    """A version whose bytes are those that were registered."""

    version: str
    booster: bytes
    manifest: Manifest


class Registry:
    """MLflow's registry: in its database, or behind a server that somebody else runs.

    Attributes:
        uri: Of database or server; `$MLFLOW_TRACKING_URI` if not given.
        models: Where the bytes lie beside a database, a folder or an object store's URI;
            `$HEADRACE_MODELS` if not given.
    """

    def __init__(self, uri: str | None = None, models: str | None = None) -> None:
        # mlflow's own defaults wait for minutes before they give a silent server up
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not self.uri:
            raise EngineUnavailable("model registry", "MLFLOW_TRACKING_URI", "it is not set")
        self.models = models or os.environ.get("HEADRACE_MODELS", "")
        if not self.models and not self.is_server:
            raise EngineUnavailable("model registry", "HEADRACE_MODELS", "it is not set")
        with self.answering():
            if not self.is_server:
                show_password()
                reach(self.uri)
            self.client = MlflowClient(self.uri, self.uri)

    @property
    def is_server(self) -> bool:
        """Whether there is a server between us and the bytes."""
        return urlsplit(self.uri).scheme in SERVERS

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Tell a registry that does not answer from one that refuses."""
        try:
            yield
        except (requests.ConnectionError, requests.Timeout, OperationalError) as error:
            raise self.unavailable(error) from error
        except MlflowException as error:
            if error.error_code not in UNANSWERED:
                raise
            raise self.unavailable(error) from error

    @property
    def where(self) -> str:
        """The registry's address, without user and password."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.hostname else self.uri

    def unavailable(self, error: Exception) -> EngineUnavailable:
        """The registry does not answer."""
        problem = str(error).splitlines()[0][:200].replace(self.uri, self.where)
        return EngineUnavailable("model registry", self.where, problem)

    def register(
        self,
        name: str,
        booster: bytes,
        manifest: Manifest,
        tags: Mapping[str, str],
        notes: RunNotes | None = None,
        judged: bytes | None = None,
    ) -> PinnedModel:
        """Keep a booster as a candidate; the same bytes for the same asker are kept once.

        Args:
            tags: With `answers`: who asked. A run that was interrupted between bytes and version
                leaves a run without a version, which nothing refers to.
            notes: What people read of the training.
            judged: The booster that is judged, if it is another one.
        """
        document = manifest.model_dump_json(indent=1).encode()
        digests = {"sha256": sha256(booster), "manifest_sha256": sha256(document)}
        all_tags = {**tags, **digests, "as_of": manifest.as_of.isoformat()}
        with self.answering():
            if (found := self.registered(name, all_tags)) is not None:
                return found
            run_id = self.start_run(name, all_tags, notes)
            self.write(run_id, BOOSTER, booster)
            if judged is not None:
                self.write(run_id, JUDGED, judged)
            self.write(run_id, MANIFEST, document)
            self.client.set_terminated(run_id)
            self.ensure_model(name)
            self.client.create_model_version(
                name,
                f"runs:/{run_id}/{FOLDER}",
                run_id,
                tags={**all_tags, "status": "candidate"},
                description=notes.text if notes else None,
            )
            # the oldest, should two attempts have registered at the same moment
            kept = self.registered(name, all_tags)
        if kept is None:
            raise EngineUnavailable("model registry", self.where, f"{name} was not kept")
        return kept

    def start_run(self, name: str, tags: Mapping[str, str], notes: RunNotes | None) -> str:
        """A new run with what people read of it; its id."""
        if notes is None:
            return str(self.client.create_run(self.experiment(name), tags=tags).info.run_id)
        described = {**tags, MLFLOW_RUN_NOTE: notes.text}
        run = self.client.create_run(self.experiment(name), tags=described, run_name=notes.name)
        now = int(time.time() * 1000)
        self.client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, value, now, 0) for key, value in notes.metrics.items()],
            params=[Param(key, value) for key, value in notes.params.items()],
        )
        return str(run.info.run_id)

    def load(self, name: str, pinned: PinnedModel) -> LoadedModel:
        """A version, if its bytes are the ones that the ledger knows.

        Nothing is parsed before: a damaged booster can end the process that reads it.

        Raises:
            ModelTampered: The bytes are gone or are not those that were registered.
        """
        version = pinned.version
        entry = self.entry(name, version)
        booster = self.read(entry, BOOSTER)
        document = self.read(entry, MANIFEST)
        if sha256(document) != pinned.manifest_sha256:
            raise ModelTampered(name, version, "its manifest has changed since it was registered")
        if sha256(booster) != pinned.booster_sha256:
            raise ModelTampered(name, version, "its booster has changed since it was registered")
        try:
            manifest = Manifest.model_validate_json(document)
        except ValidationError as error:
            problem = "its manifest was written by another version of headrace"
            raise ModelTampered(name, version, problem) from error
        return LoadedModel(version, booster, manifest)

    def load_judged(self, name: str, pinned: PinnedModel) -> LoadedModel:
        """The booster of a version that is judged, if its bytes are the ones that the ledger knows.

        Raises:
            ModelTampered: As `load`.
        """
        return self.judged(name, self.load(name, pinned))

    def judged(self, name: str, served: LoadedModel) -> LoadedModel:
        """As `load_judged`, of a version that is loaded already."""
        manifest = served.manifest.as_judged
        if served.manifest.judged is None:
            return served
        booster = self.read(self.entry(name, served.version), JUDGED)
        if sha256(booster) != manifest.sha256:
            problem = "its judged booster has changed since it was registered"
            raise ModelTampered(name, served.version, problem)
        return LoadedModel(served.version, booster, manifest)

    def record_evaluation(
        self, name: str, version: str, evaluation: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> str:
        """Keep what evaluation measured, and give its digest; the same again changes nothing."""
        document = json.dumps(evaluation, indent=1, sort_keys=True).encode()
        digest, entry = sha256(document), self.entry(name, version)
        if entry.tags.get("evaluation_sha256") == digest:
            return digest
        with self.answering():
            self.write(str(entry.run_id), evaluation_file(digest), document)
            for metric, value in metrics.items():
                self.client.log_metric(str(entry.run_id), metric, value)
        self.tag(name, version, "evaluation_sha256", digest)
        return digest

    def evaluation(self, name: str, pinned: PinnedModel) -> dict[str, Any]:
        """What evaluation measured of a version; empty if it was never evaluated.

        Raises:
            ModelTampered: It is not what was recorded.
        """
        recorded = pinned.evaluation_sha256
        if recorded is None:
            return {}
        entry = self.entry(name, pinned.version)
        document = self.read(entry, evaluation_file(recorded))
        if sha256(document) != recorded:
            problem = "its evaluation has changed since it was recorded"
            raise ModelTampered(name, pinned.version, problem)
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

    def registered(self, name: str, tags: Mapping[str, str]) -> PinnedModel | None:
        """The oldest version with the same bytes for the same asker."""
        found = self.client.search_model_versions(
            f"name = '{name}' and tag.sha256 = '{tags['sha256']}'"
        )
        pinned = {
            int(model_version.version): PinnedModel(
                version=str(model_version.version),
                booster_sha256=tags["sha256"],
                manifest_sha256=tags["manifest_sha256"],
            )
            for model_version in found
            if model_version.tags.get("answers") == tags.get("answers")
        }
        for number in sorted(pinned):
            with suppress(ModelTampered):  # it only says that it is the same
                self.load_judged(name, pinned[number])
                return pinned[number]
        return None

    def experiment(self, name: str) -> str:
        """The experiment that holds a model's runs."""
        # One of this name may be older and keep its bytes behind a server.
        own = name if self.is_server else f"models/{name}"
        if found := self.client.get_experiment_by_name(own):
            return str(found.experiment_id)
        models = Place.parse(self.models).as_s3().rstrip("/")
        place = None if self.is_server else f"{models}/{quote(name)}"
        return str(self.client.create_experiment(own, place))

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
                if unavailable := store_unavailable(error):
                    raise unavailable from error
                problem = f"{path} cannot be read"
                raise ModelTampered(entry.name, entry.version, problem) from error


def reach(uri: str) -> None:
    """Ask a database once: MLflow would try for hours before it says that there is none.

    Raises:
        sqlalchemy.exc.OperationalError: It does not answer.
    """
    is_remote = not uri.startswith("sqlite")
    options = {"connect_timeout": ANSWER_SECONDS} if is_remote else {}
    with create_engine(uri, poolclass=NullPool, connect_args=options).connect():
        pass


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


def evaluation_file(digest: str) -> str:
    """Where an evaluation lies; the version's tag says which one counts, and changes at once."""
    return f"{FOLDER}/evaluation-{digest[:12]}.json"
