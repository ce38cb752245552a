"""Checks of the way to the store: transport, clock, keys, buckets."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import ClientError, NoCredentialsError

from headrace_launcher.object_store.endpoint import (
    Endpoint,
    Keys,
    Location,
    addresses,
    code,
    described,
)
from headrace_launcher.object_store.finding import CheckStatus, Judgement
from headrace_launcher.object_store.probe import Probe

SKEW_WARNED = timedelta(seconds=30)
SKEW_FAILED = timedelta(minutes=5)
SKEW_REFUSED = timedelta(minutes=15)
"""S3 refuses what was signed longer ago, or will be."""

VENDORS_LOGINS = (Keys("minioadmin", "minioadmin"), Keys("rustfsadmin", "rustfsadmin"))
"""Root logins that servers have until somebody sets another: MinIO and its forks, RustFS."""

WRONG_KEYS = {
    "ExpiredToken": "the session has expired",
    "InvalidAccessKeyId": "the store does not know AWS_ACCESS_KEY_ID",
    "InvalidToken": "the session's token is not valid",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID",
}

WRONG_REGION = (
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
)


def transport(endpoint: Endpoint) -> Judgement:
    """Whether bytes travel encrypted, or where nobody else listens."""
    parts = urlsplit(endpoint.url or "https://")
    if parts.scheme == "https":
        return CheckStatus.OK, "https"
    host = str(parts.hostname)
    try:
        found = addresses(host)
    except OSError as error:
        return (
            CheckStatus.FAILED,
            f"the host {host} is not known ({error}). Correct AWS_ENDPOINT_URL.",
        )
    if all(address.is_loopback for address in found):
        return CheckStatus.OK, "http, on this machine only"
    if all(address.is_private for address in found):
        return CheckStatus.OK, "http, within a private network"
    return CheckStatus.UNSAFE, (
        f"http to the public address {next(str(address) for address in found if not address.is_private)}: "
        "whoever is on the way reads the lake and can change what is written. Use https."
    )


def answers(probe: Probe) -> Judgement:
    """Whether somebody is there who speaks HTTP."""
    endpoint = probe.store.endpoint
    try:
        answer = probe.http.get(endpoint.address(probe.client))
    except httpx.HTTPError as error:
        advice = "Start the store, or correct AWS_ENDPOINT_URL."
        return CheckStatus.FAILED, f"{endpoint} does not answer: {described(error)}. {advice}"
    if answer.is_server_error:
        return (
            CheckStatus.FAILED,
            f"{endpoint} answers {answer.status_code}. Look at the store's own log.",
        )
    return CheckStatus.OK, f"{endpoint} answers"


def clock(probe: Probe) -> Judgement:
    """Whether the store's clock and this machine's agree."""
    before = datetime.now(UTC)
    answer = probe.http.get(probe.store.endpoint.address(probe.client))
    here = before + (datetime.now(UTC) - before) / 2
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return CheckStatus.WARNING, "the store does not say what time it has"
    skew = abs(there.astimezone(UTC) - here)
    seconds = f"{skew.total_seconds():.0f} s"
    if skew < SKEW_WARNED:
        return CheckStatus.OK, f"{seconds} apart"
    effect = f"Beyond {SKEW_REFUSED.seconds // 60} minutes S3 refuses every request (RequestTimeTooSkewed)"
    if skew > SKEW_REFUSED:
        effect = "S3 refuses every request that is so late or early (RequestTimeTooSkewed)"
    status = CheckStatus.FAILED if skew > SKEW_FAILED else CheckStatus.WARNING
    return status, (
        f"the store's clock and this machine's are {seconds} apart. {effect}. Run NTP on both."
    )


def keys(probe: Probe) -> Judgement:
    """Whether the store takes the keys, whatever they are allowed."""
    try:
        _list(probe, probe.location)
    except NoCredentialsError:
        return CheckStatus.FAILED, "no keys. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    except ClientError as error:
        reason = code(error)
        if reason in WRONG_KEYS:
            return CheckStatus.FAILED, (
                f"{WRONG_KEYS[reason]} ({reason}). Give the account's keys, or run `headrace provision`."
            )
        if reason in WRONG_REGION:
            return CheckStatus.FAILED, f"wrong region ({described(error)}). Correct AWS_REGION."
        if reason not in ("NoSuchBucket", "AccessDenied"):
            return CheckStatus.FAILED, f"a signed request is refused: {described(error)}."
    return CheckStatus.OK, "accepted"


def buckets(probe: Probe) -> Judgement:
    """Whether the buckets of lake and landing area are there and can be listed."""
    for location in probe.store.locations:
        try:
            _list(probe, location)
        except ClientError as error:
            why = {
                "NoSuchBucket": f"the bucket {location.bucket} is not there",
                "AccessDenied": f"the bucket {location.bucket} is not there, or may not be listed",
            }.get(code(error), f"the bucket {location.bucket}: {described(error)}")
            return CheckStatus.FAILED, f"{why}. Correct the setting, or run `headrace provision`."
    return CheckStatus.OK, ", ".join(str(location) for location in probe.store.locations)


def default_login(probe: Probe) -> Judgement:
    """Whether the vendor's root login works."""
    for login in VENDORS_LOGINS:
        try:
            probe.store.endpoint.client(login, probe.session).list_buckets()
        except ClientError:
            continue
        return CheckStatus.UNSAFE, (
            f"the vendor's login {login.access_key} works: anybody is root. Set "
            "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD of the server, or what it has instead."
        )
    return CheckStatus.OK, "refused"


def _list(probe: Probe, location: Location) -> None:
    probe.client.list_objects_v2(Bucket=location.bucket, Prefix=location.key(""), MaxKeys=1)
