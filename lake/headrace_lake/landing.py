"""The landing area: where source files are delivered, a local folder or an object store.

A table's `source.files` says which files are whose: `{partition}` stands for the batch's key.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from headrace_lake import object_store
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.declarations.source import PLACEHOLDER
from headrace_schemas.errors import SourceInvalid, SourceMissing
from headrace_schemas.partition import KEY_PATTERNS, Partition, PartitionUnit
from headrace_schemas.places import Place

SIDECAR = ".manifest.json"
"""Belongs to a delivered file and is not one itself."""


def delivered_files(landing: str, build: TableBuild, batch: Batch) -> list[str]:
    """Paths or URIs of the files of a batch, in the order of their names.

    Raises:
        SourceMissing: There is none yet.
        SourceInvalid: A link leads out of the landing root.
        EngineUnavailable: The object store cannot be read.
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


def delivered_partitions(landing: str, build: TableBuild) -> list[Partition]:
    """The partitions of a delivered table that have files, oldest first; of one built whole, none.

    Raises:
        SourceInvalid: A link leads out of the landing root.
        EngineUnavailable: The object store cannot be read.
    """
    if build.source is None or build.partition is None:
        return []
    form = re.compile(key_form(build.source.files, build.partition))
    pattern, place = any_batch(build), Place.parse(landing)
    if place.path is None:
        root = landing.rstrip("/")
        names = [uri.removeprefix(f"{root}/") for uri in object_store.matching(place, pattern)]
    else:
        names = [file.relative_to(place.path).as_posix() for file in below(place.path, pattern)]
    keys = {
        found["key"]
        for name in names
        if not name.endswith(SIDECAR) and (found := form.fullmatch(name))
    }
    return sorted(parsed(keys, build.partition), key=lambda partition: partition.start)


def any_batch(build: TableBuild) -> str:
    """The glob pattern of all files of a delivered table, whichever batch they are of."""
    if build.source is None or build.partition is None:
        return build.source.files if build.source else ""
    return build.source.names("?" * len(build.partition.example))


def parsed(keys: set[str], unit: PartitionUnit) -> Iterator[Partition]:
    """The partitions among what stands where a key would."""
    for key in keys:
        try:
            yield Partition.parse(unit, key)
        except ValueError:
            continue  # another file, whose name only looks alike


def key_form(files: str, unit: PartitionUnit) -> str:
    """A regular expression for names that match the glob pattern `files`, with the batch's `key`."""
    forms = {
        PLACEHOLDER: f"(?P<key>{KEY_PATTERNS[unit].strip('^$')})",
        "**/": "(?:.*/)?",
        "*": "[^/]*",
        "?": "[^/]",
    }
    steps = re.split(r"(\{partition\}|\*\*/|\*|\?|\[[^\]]+\])", files)
    return "".join(
        forms.get(step)
        or (
            step.replace("[!", "[^", 1) if step[:1] == "[" and step[-1:] == "]" else re.escape(step)
        )
        for step in steps
    )


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
