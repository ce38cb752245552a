"""The checksum beside a commit: what the version holds in sum, by which a lost commit is noticed.

Spark writes one with each of its commits; deltalake writes none. What stands in it:
https://github.com/delta-io/delta/blob/master/PROTOCOL.md#version-checksum-file
"""

import json

from headrace_lake.objects import folder
from headrace_lake.versions import files_at

UNCHANGED = ("metadata", "protocol", "setTransactions", "domainMetadata")
"""What a commit of files alone leaves as it is."""


def write_checksum(uri: str, version: int) -> None:
    """Write the checksum of a version that only added files to the one before, and removed some.

    Nothing without the checksum of the version before: the next commit of Spark makes one again.

    Raises:
        EngineUnavailable: The lake cannot be read or written.
    """
    place = folder(uri)
    try:
        before = json.loads(place.read(checksum_path(version - 1)))
    except (FileNotFoundError, ValueError):
        return
    files = files_at(uri, version)
    if files is None or not isinstance(before, dict):
        return
    found = {
        "tableSizeBytes": sum(files.values()),
        "numFiles": len(files),
        "numMetadata": 1,
        "numProtocol": 1,
        **{key: before[key] for key in UNCHANGED if key in before},
    }
    place.write(checksum_path(version), json.dumps(found).encode())


def checksum_path(version: int) -> str:
    """Where the checksum of a version lies, below its table."""
    return f"_delta_log/{version:020}.crc"
