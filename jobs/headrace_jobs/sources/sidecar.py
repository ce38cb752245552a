"""The sidecar `<file>.manifest.json`: what the deliverer says of a file, compared with the file."""

import json
import re
from typing import Any

from headrace_jobs.sources.landed import LandedFile
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.errors import SourceInvalid, SourceMissing

MOST_BYTES = 1024 * 1024
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Sidecar(Frozen):
    """What is declared; None where nothing is.

    Attributes:
        bytes: The file's size as delivered.
        sha256: Of the bytes as delivered, in hexadecimal digits.
        rows: Without the header.
    """

    bytes: int | None = None
    sha256: str | None = None
    rows: int | None = None

    def check(self, name: str, what: str, found: int | str) -> None:
        """Compare with what was found.

        Raises:
            SourceInvalid: It differs.
        """
        declared = getattr(self, what)
        if declared is None or declared == found:
            return
        problem = f"has {found} {what}, its manifest says {declared}"
        if what == "sha256":
            problem = "its bytes are not those of the manifest's sha256"
        raise SourceInvalid(name, problem, "Deliver the file again.")


def read_sidecar(landed: LandedFile) -> Sidecar:
    """The sidecar; one that says nothing if there is none. Other keys are the deliverer's own.

    Raises:
        SourceInvalid: It is not a JSON object, or a value is of another type.
    """
    try:
        with landed.opened() as (stream, size):
            if size > MOST_BYTES:
                raise landed.refused(f"has more than {MOST_BYTES} bytes", "Deliver it again.")
            content = json.loads(stream.read(MOST_BYTES + 1).decode("utf-8"))
    except SourceMissing:
        return Sidecar()
    except (ValueError, RecursionError) as error:
        if isinstance(error, SourceInvalid):
            raise
        raise landed.refused("is not JSON", "Deliver it again.") from error
    if not isinstance(content, dict):
        raise landed.refused("is not a JSON object", "Deliver it again.")
    digest = content.get("sha256")
    if digest is not None and not (isinstance(digest, str) and SHA256.fullmatch(digest)):
        raise landed.refused("`sha256` is not a text of 64 hexadecimal digits", "Deliver it again.")
    return Sidecar(
        bytes=whole(landed, content, "bytes"),
        rows=whole(landed, content, "rows"),
        sha256=digest and digest.lower(),
    )


def whole(landed: LandedFile, content: dict[str, Any], key: str) -> int | None:
    """A count of the sidecar."""
    value = content.get(key)
    if value is None or (type(value) is int and value >= 0):
        return value
    problem = f"`{key}` is not a whole number: {json.dumps(value)[:100]}"
    raise landed.refused(problem, f'Write it as in {{"{key}": 12}}.')
