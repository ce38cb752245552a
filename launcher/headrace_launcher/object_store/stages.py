"""Whether the accounts of the stages are kept apart: can one change what is another's?

No object is written or removed: an upload is begun and given up, and what is removed has a name
that nothing has.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import ClientError

from headrace_launcher.object_store.connection import WRONG_KEYS
from headrace_launcher.object_store.endpoint import (
    Keys,
    Location,
    Store,
    code,
    described,
    status,
)
from headrace_launcher.object_store.finding import CheckStatus, Judgement
from headrace_launcher.object_store.probe import Probe
from headrace_schemas.accounts import FOLDER, RIGHTS, Account, keys_file, read_keys
from headrace_schemas.errors import listed

AREAS = sorted({area for rights in RIGHTS.values() for area in (*rights.writes, *rights.removes)})

LANDING = "the landing area"


def keys_here(environ: Mapping[str, str]) -> dict[Account, Keys]:
    """The keys of the accounts whose files are here; not every process is given all of them.

    Raises:
        SecretUnreadable: A file that is there has other content.
    """
    if not (folder := environ.get(FOLDER)):
        return {}
    files = {account: keys_file(Path(folder), account) for account in Account}
    found = {account: read_keys(file) for account, file in files.items() if file.is_file()}
    return {account: Keys(*keys) for account, keys in found.items() if keys is not None}


def kept_apart(probe: Probe) -> Judgement:
    """Whether each account changes what its stage works on, and nothing else."""
    beyond: list[str] = []
    for account, keys in probe.stages.items():
        client = probe.store.endpoint.client(keys, probe.session)
        try:
            beyond += [f"{account} may {what}" for what in _beyond(probe, account, client)]
        except ClientError as error:
            return CheckStatus.FAILED, (
                f"account {account}: {described(error)}. Correct its keys, or run "
                "`headrace provision`."
            )
    if beyond:
        return CheckStatus.WARNING, (
            f"{listed(beyond)}. Run `headrace provision`, or attach the policies that "
            "`headrace provision --print-policy ACCOUNT` prints."
        )
    return CheckStatus.OK, f"each changes its own areas only: {', '.join(probe.stages)}"


def may_write(client: Any, bucket: str, key: str) -> bool:
    """Whether an upload is begun; it is given up."""
    try:
        begun = client.create_multipart_upload(Bucket=bucket, Key=key)
    except ClientError as error:
        return _is_allowed(error)
    client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=begun["UploadId"])
    return True


def _may_remove(client: Any, bucket: str, key: str) -> bool:
    try:
        client.delete_object(Bucket=bucket, Key=key)
    except ClientError as error:
        return _is_allowed(error)
    return True


def _is_allowed(refusal: ClientError) -> bool:
    """False if this account may not; wrong keys, say, tell nothing of that."""
    if status(refusal) == httpx.codes.FORBIDDEN and code(refusal) not in WRONG_KEYS:
        return False
    raise refusal


def _beyond(probe: Probe, account: Account, client: Any) -> Iterator[str]:
    """What is not refused to an account and should be."""
    rights, places = RIGHTS[account], _places(probe.store)
    written = (*rights.writes, LANDING) if rights.lands else rights.writes
    writes = [
        name
        for name, place in places.items()
        if not _is_in(name, written) and may_write(client, place.bucket, _nothing(probe, place))
    ]
    removes = [
        name
        for name, place in places.items()
        if not _is_in(name, rights.removes)
        and _may_remove(client, place.bucket, _nothing(probe, place))
    ]
    if writes:
        yield f"write to {', '.join(writes)}"
    if removes:
        yield f"remove from {', '.join(removes)}"


def _places(store: Store) -> dict[str, Location]:
    """The areas of the lake, the landing area, and the bucket around them."""
    found: dict[str, Location] = {}
    if (lake := store.lake) is not None:
        found |= {area: Location(lake.bucket, lake.key(area)) for area in AREAS}
    if store.landing is not None:
        found[LANDING] = store.landing
    if all(location.prefix for location in store.locations):
        bucket = store.locations[0].bucket
        found[f"all of {bucket}"] = Location(bucket, "")
    return found


def _nothing(probe: Probe, place: Location) -> str:
    """The key of an object that is not there."""
    return place.key(f"headrace-doctor-{probe.run}")


def _is_in(area: str, areas: tuple[str, ...]) -> bool:
    return any(area == parent or area.startswith(f"{parent}/") for parent in areas)
