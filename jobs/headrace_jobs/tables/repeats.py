"""A publish that is tried again after its commit: it finds that all is done, and writes nothing.

The commit that makes a batch visible carries a digest of the gated batch. Where the table's newest
commit carries the same, the table is as this publish leaves it. Once anybody has committed since, the
batch is written again: what a table holds follows from the order of its publishes, and the rows are
the same.
"""

import hashlib
import json

from headrace_jobs.lake import files
from headrace_lake.file_commits import newest_note
from headrace_lake.versions import open_table
from headrace_schemas.wire.table_jobs import PublishSpec

BATCH = "batch"


def note_of(spec: PublishSpec) -> str:
    """What the commits of a publish say: who asked, and of which batch they are.

    Spark gives the files of each write names that no other write has.
    """
    digest = hashlib.sha256(f"{spec.gated_uri} {spec.partition and spec.partition.key}".encode())
    for file in files.below(spec.gated_uri):
        digest.update(f"\n{file.path} {file.size}".encode())
    note = {"job": spec.job, "job_id": spec.job_id, "run_id": spec.run_id}
    return json.dumps({**note, BATCH: digest.hexdigest()})


def made_version(uri: str, note: str) -> int | None:
    """The newest version of the table at `uri`, if its commit is of the same batch as `note`.

    None without a table, too.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None or batch_of(newest_note(table)) != batch_of(note):
        return None
    return int(table.version())


def batch_of(note: str) -> str | None:
    """The batch that a commit's note names; None if it is somebody else's note."""
    try:
        fields = json.loads(note)
    except ValueError:
        return None
    return fields.get(BATCH) if isinstance(fields, dict) else None
