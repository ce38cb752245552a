"""The landing area: where source files are delivered, a local folder or an object store."""

import os
from pathlib import Path

from headrace_airflow.engine import object_store
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.errors import SourceInvalid, SourceMissing
from headrace_schemas.places import Place

SIDECAR = ".manifest.json"
"""Belongs to a delivered file and is not one itself."""


def delivered_files(landing: str, build: TableBuild, batch: Batch) -> list[str]:
    """Paths or URIs of the files of a batch, in the order of their names.

    Raises:
        SourceMissing: There is none yet.
        SourceInvalid: A link leads out of the landing root.
    """
    if build.source is None:
        return []
    pattern = build.source.names(batch.key)
    place = Place.parse(landing)
    if place.path is None:
        found = object_store.matching(place, pattern)
    elif place.scheme:
        found = sorted(path.as_uri() for path in below(place.path, pattern))
    else:
        found = sorted(str(path) for path in below(place.path, pattern))
    files = [file for file in found if not file.endswith(SIDECAR)]
    if not files:
        raise SourceMissing(build.name, f"{landing.rstrip('/')}/{pattern}")
    return files


def below(root: Path, pattern: str) -> list[Path]:
    """Files that match; the job looks again when it opens them.

    Raises:
        SourceInvalid: One is a link that leads out of `root`.
    """
    found = list(root.glob(pattern))
    top = os.path.realpath(root)
    for path in found:
        if os.path.commonpath([top, os.path.realpath(path)]) != top:
            raise SourceInvalid(
                path.relative_to(root).as_posix(),
                "leads out of the landing root",
                "Deliver the file itself.",
            )
    return found
