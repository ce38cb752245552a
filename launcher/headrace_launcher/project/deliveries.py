"""Deliveries for a replay: a folder of files, laid out as in the landing area, and the way there."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from headrace_lake.landing import SIDECAR, delivered_files, delivered_partitions
from headrace_launcher.errors import DeliveriesInvalid, DeliveriesMissing, FolderMissing
from headrace_launcher.object_store.delivery import StoreLanding
from headrace_launcher.object_store.endpoint import Location
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.pipeline import Pipeline, TableBuild
from headrace_schemas.errors import SourceMissing
from headrace_schemas.partition import Partition
from headrace_schemas.places import Place
from headrace_schemas.project import Project


class Landing(Protocol):
    """A landing area that takes files."""

    def put(self, file: Path, name: str) -> None:
        """Make `file` the one called `name` (steps with slashes); a reader sees all of it or none."""


@dataclass(frozen=True)
class FolderLanding:
    """A landing area on disk."""

    root: Path

    def put(self, file: Path, name: str) -> None:
        """As `Landing` says."""
        target = self.root / name
        if target.exists() and target.samefile(file):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.draft")
        shutil.copyfile(file, draft)
        draft.replace(target)


def landing_at(uri: str, environ: Mapping[str, str]) -> Landing:
    """The landing area at a path or URI.

    Raises:
        SecretUnreadable: There are accounts, and that of deliveries has no keys that can be read.
    """
    remote, path = Location.of("HEADRACE_LANDING", uri), Place.parse(uri).path
    if remote is not None:
        return StoreLanding.of(remote, environ)
    return FolderLanding(path or Path(uri))


@dataclass(frozen=True)
class Deliveries:
    """Files that are delivered batch by batch.

    Attributes:
        folder: Its files lie as in the landing area, by the `source.files` of the pipeline's tables;
            a file's manifest lies beside it.
    """

    folder: Path
    landing: Landing

    def partitions(self, pipeline: Pipeline) -> list[Partition]:
        """The partitions of which a table of the pipeline has files, in the order of their ends.

        Only those between the pipeline's `start` and `end`.
        """
        found = {
            partition
            for build in pipeline.tables
            for partition in delivered_partitions(str(self.folder), build)
            if pipeline.starts_at <= partition.start
            and (pipeline.ends_at is None or partition.start < pipeline.ends_at)
        }
        return sorted(found, key=lambda partition: (partition.end, partition.start))

    def are_for(self, pipeline: Pipeline) -> bool:
        """Whether a table of the pipeline has a file here."""
        whole = (build for build in pipeline.tables if build.partition is None)
        return bool(self.partitions(pipeline)) or any(self.files(build, None) for build in whole)

    def files(self, build: TableBuild, partition: Partition | None) -> list[str]:
        """The files of a table's batch; none if there are none, or if it is no delivered table."""
        try:
            batch = Batch(table=build.name, partition=partition)
            return delivered_files(str(self.folder), build, batch)
        except SourceMissing:
            return []

    def deliver(self, builds: Iterable[TableBuild], partition: Partition | None) -> list[str]:
        """Deliver what there is of a batch of these tables; the names of the tables with files."""
        delivered = []
        for build in builds:
            files = self.files(build, partition)
            for file in map(Path, files):
                self.put(file)
            if files:
                delivered.append(build.name)
        return delivered

    def put(self, file: Path) -> None:
        """Deliver a file after its manifest: a file that is there can be checked."""
        for path in (file.with_name(f"{file.name}{SIDECAR}"), file):
            if path.exists():
                self.landing.put(path, path.relative_to(self.folder).as_posix())


def given_folder(folder: Path) -> Path:
    """A folder of deliveries that the user names.

    Raises:
        FolderMissing: There is none.
    """
    if not folder.is_dir():
        raise FolderMissing(str(folder), "deliveries are read from it")
    return folder.absolute()


def own_deliveries(project: Project) -> Callable[[Path], None]:
    """The project's function that writes its deliveries into an empty folder.

    Raises:
        DeliveriesMissing: It declares none.
        DeliveriesInvalid: What it declares cannot be called.
    """
    declared = project.table.deliveries
    if declared is None:
        raise DeliveriesMissing(project.name)
    module, _, name = declared.partition(":")
    project.use()
    try:
        function: Callable[[Path], None] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DeliveriesInvalid(project.name, declared, str(error)) from error
    return function
