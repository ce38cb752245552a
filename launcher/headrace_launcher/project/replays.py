"""The replays of a project: which pipelines, whose deliveries, and starting over."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from headrace_lake.landing import SIDECAR, any_batch
from headrace_launcher.errors import UnknownName
from headrace_launcher.project.deliveries import (
    Deliveries,
    given_folder,
    landing_at,
    own_deliveries,
)
from headrace_launcher.project.replay import Replay
from headrace_launcher.services import ownership
from headrace_launcher.services.running import running_api
from headrace_launcher.services.settings import Settings
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.places import Lake


@contextmanager
def folder_of_deliveries(settings: Settings, given: Path | None) -> Iterator[Path]:
    """The folder that the user names, else one with the project's own deliveries, for a while.

    Raises:
        FolderMissing: The named folder is not there.
        DeliveriesMissing, DeliveriesInvalid: None is named, and the project has none to write.
    """
    if given is not None:
        yield given_folder(given)
        return
    write = own_deliveries(settings.project)
    with TemporaryDirectory(prefix="deliveries-", dir=settings.home) as folder:
        write(Path(folder))
        yield Path(folder)


def replays_of(settings: Settings, folder: Path, pipeline: str | None = None) -> list[Replay]:
    """The replay of a pipeline, or of every one that takes files of the folder, in turn.

    Raises:
        UnknownName: No pipeline has that name.
        NotRunning: No Airflow runs for this home.
    """
    catalog = Catalog.load(settings.schemas)
    deliveries = Deliveries(folder, landing_at(settings.landing, os.environ))
    lake, api = Lake(root=settings.lake), running_api(settings)
    return [
        Replay(api, lake, catalog, asked, deliveries)
        for asked in chosen(catalog, deliveries, pipeline)
    ]


def chosen(catalog: Catalog, deliveries: Deliveries, name: str | None) -> list[Pipeline]:
    """The pipeline of a name, else all that have files, or all if none has."""
    pipelines = catalog.pipelines
    if name is None:
        taking = [pipeline for pipeline in pipelines.values() if deliveries.are_for(pipeline)]
        return taking or list(pipelines.values())
    if name not in pipelines:
        raise UnknownName("pipeline", name, sorted(pipelines))
    return [pipelines[name]]


def forget(settings: Settings) -> None:
    """Remove what runs have made below the home, and the deliveries there that pipelines take.

    A lake elsewhere, secrets, jars and what others deliver stay.

    Raises:
        FolderForeign: One of the folders was not made by Headrace.
    """
    for folder in settings.removable:
        ownership.remove(folder)
    landing = settings.home / "landing"
    for pipeline in Catalog.load(settings.schemas).pipelines.values():
        for build in pipeline.tables:
            for file in list(landing.glob(any_batch(build))) if build.source else ():
                file.with_name(f"{file.name}{SIDECAR}").unlink(missing_ok=True)
                file.unlink()
