"""Places of files, as paths and URIs name them, and the layout of the lake."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from headrace_schemas.declarations.declaration import Frozen

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(file):")

S3 = frozenset({"s3", "s3a"})
"""Two words for one store: Spark writes only to the second, and some libraries know only the first."""


@dataclass(frozen=True)
class Place:
    """A file or folder on disk, or in a bucket of an object store.

    What follows the bucket is a key and no path of a web address: it may hold `#`, `?` and `%`, which
    stand for themselves.

    Attributes:
        uri: The text that names it.
        scheme: In small letters; empty for a plain path.
        bucket: Of an object store, with a user before `@` if one is named; empty on disk.
        key: What follows it, without a slash at either end; empty on disk.
    """

    uri: str
    scheme: str
    bucket: str = ""
    key: str = ""

    @classmethod
    def parse(cls, uri: str) -> "Place":
        """The place that a path, `file://…`, `s3a://bucket/key` or a URI of another store names."""
        found = SCHEME.match(uri)
        scheme = (found[1] or found[2]).lower() if found else ""
        if scheme in ("", "file"):
            return cls(uri, scheme)
        bucket, _, key = uri.partition("://")[2].partition("/")
        return cls(uri, scheme, bucket, key.strip("/"))

    @property
    def is_s3(self) -> bool:
        """Whether it lies in a store that speaks S3."""
        return self.scheme in S3

    @property
    def path(self) -> Path | None:
        """Its path on disk; None in an object store."""
        if self.scheme == "file":
            # Not all of it is a URI's path: `#` and `?` may stand in a file's name.
            return Path(
                unquote(re.sub(r"^file:(//[^/]*(?=/))?", "", self.uri, flags=re.IGNORECASE))
            )
        return None if self.scheme else Path(self.uri)

    def as_s3(self) -> str:
        """Its URI for libraries that do not know `s3a`."""
        return f"s3{self.uri[len(self.scheme) :]}" if self.is_s3 else self.uri


class Lake(Frozen):
    """A lake's layout below its root URI (a path, `file://…` or `s3a://…`)."""

    root: str

    def at(self, *parts: str) -> str:
        """A URI below the root."""
        return "/".join([self.root.rstrip("/"), *parts])

    def table(self, name: str) -> str:
        """The Delta table of `layer.table`."""
        return self.at("tables", *name.split("."))

    def quarantine(self, name: str) -> str:
        """The Delta table of rows that broke a critical rule of `layer.table`."""
        return self.at("quarantine", *name.split("."))

    def staging(self, name: str, batch: str, job_id: str) -> str:
        """A batch that is not published; no two attempts share one."""
        return self.at("staging", name, batch, job_id)

    def gate_record(self, name: str, batch: str) -> str:
        """Folder of a batch's gate record: `index.html` for people, GX's own `result.json`."""
        return self.at("gates", name, batch)

    def predictions(self, model: str) -> str:
        """The Delta table of a model's predictions."""
        return self.at("predictions", model)

    def monitoring(self, model: str) -> str:
        """The Delta table of what monitoring measured, a row a partition."""
        return self.at("monitoring", model)

    def sketches(self, model: str) -> str:
        """The Delta table of sketches of a model's inputs, a partition a window, a row a column."""
        return self.at("sketches", model)

    @property
    def ledger(self) -> str:
        """The Delta table of all decisions, partitioned by model."""
        return self.at("ledger", "decisions")

    @property
    def versions(self) -> str:
        """The Delta table of all model versions with their digests, partitioned by model."""
        return self.at("ledger", "versions")

    @property
    def evaluations(self) -> str:
        """The Delta table of the digests of all versions' evaluations, partitioned by model."""
        return self.at("ledger", "evaluations")

    @property
    def holds(self) -> str:
        """The Delta table of the versions that people hold, and have released."""
        return self.at("ledger", "holds")

    @property
    def staged(self) -> str:
        """Where batches are that are not published yet."""
        return self.at("staging")

    def pinnable(self, name: str) -> str:
        """The Delta table that a spec or a pin calls `name`."""
        kind, _, rest = name.partition(".")
        known = {
            "predictions": self.predictions,
            "monitoring": self.monitoring,
            "sketches": self.sketches,
        }
        if name.startswith("quarantine "):
            return self.quarantine(name.removeprefix("quarantine "))
        return known[kind](rest) if kind in known else self.table(name)
