"""The landing area: where source files are delivered, a local folder or an object store."""

from pathlib import Path

from headrace_schemas.errors import SourceMissing
from headrace_schemas.partition import Partition
from headrace_schemas.pipeline import TableBuild

SIDECAR = ".manifest.json"
"""Belongs to a delivered file and is not one itself."""


def delivered_files(landing: str, build: TableBuild, partition: Partition | None) -> list[str]:
    """Paths or URIs of the files of a table's batch, in the order of their names.

    Raises:
        SourceMissing: There is none yet.
    """
    if build.source is None:
        return []
    pattern = build.source.files.replace("{partition}", partition.key if partition else "*")
    if "://" in landing:
        from airflow.sdk import ObjectStoragePath  # loads fsspec

        found = sorted(path.as_uri() for path in ObjectStoragePath(landing).glob(pattern))
    else:
        found = sorted(str(path) for path in Path(landing).glob(pattern))
    files = [file for file in found if not file.endswith(SIDECAR)]
    if not files:
        raise SourceMissing(build.name, f"{landing.rstrip('/')}/{pattern}")
    return files
