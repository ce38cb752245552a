"""Checks of who is let in: without a signature, without a name, outside the lake."""

import base64
import io
import tarfile
import zlib
from datetime import UTC, datetime

import httpx

from headrace_launcher.object_store.finding import CheckStatus, Judgement
from headrace_launcher.object_store.probe import Probe
from headrace_launcher.object_store.stages import kept_apart, may_write

BODY = b"written without a signature"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def unsigned_put(probe: Probe) -> Judgement:
    """Whether knowing an access key, without its secret, is enough to write.

    https://github.com/advisories/GHSA-hv4r-mvr4-25vw (CVE-2026-41145): the key's name in the query.
    https://github.com/advisories/GHSA-9c4q-hq6p-c237 (CVE-2026-40344): an archive to unpack, with an
    invented signature.
    """
    now = datetime.now(UTC)
    found = probe.session.get_credentials()
    who = f"{found.access_key}/{now:%Y%m%d}/{probe.store.endpoint.region}/s3/aws4_request"
    sent = {
        "CVE-2026-41145": _put_by_query(probe, who),
        "CVE-2026-40344": _put_archive(probe, who, now),
    }
    written = {"CVE-2026-41145": "unsigned", "CVE-2026-40344": "unpacked/unsigned"}
    holes = [name for name in sent if probe.get(written[name]) is not None]
    if holes:
        return CheckStatus.UNSAFE, (
            f"objects are written without a signature ({', '.join(holes)}): whoever reaches the "
            "endpoint and has seen the access key can replace the lake. Run a server where this is "
            "fixed, such as pgsty/silo; until then let only trusted hosts reach the endpoint."
        )
    if unclear := [answered for answered in sent.values() if httpx.codes.is_server_error(answered)]:
        return (
            CheckStatus.FAILED,
            f"the store answers {unclear[0]} to an unsigned PUT. Look at its log.",
        )
    return CheckStatus.OK, "refused"


def _put_by_query(probe: Probe, who: str) -> int:
    checksum = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big"))
    chunks = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(BODY), BODY, checksum)
    headers = {
        "X-Amz-Content-Sha256": UNSIGNED,
        "X-Amz-Decoded-Content-Length": str(len(BODY)),
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    answer = probe.http.put(
        probe.url("unsigned"), params={"X-Amz-Credential": who}, headers=headers, content=chunks
    )
    return answer.status_code


def _put_archive(probe: Probe, who: str, now: datetime) -> int:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("unsigned")
        entry.size = len(BODY)
        tar.addfile(entry, io.BytesIO(BODY))
    signed = "host;x-amz-content-sha256;x-amz-date"
    headers = {
        "X-Amz-Content-Sha256": UNSIGNED,
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "X-Amz-Decoded-Content-Length": str(len(archive.getvalue())),
        "X-Amz-Meta-Snowball-Auto-Extract": "true",
        "X-Amz-Meta-Minio-Snowball-Prefix": probe.key("unpacked"),
        "Authorization": f"AWS4-HMAC-SHA256 Credential={who}, SignedHeaders={signed}, "
        f"Signature={'0' * 64}",
    }
    answer = probe.http.put(probe.url("archive"), headers=headers, content=archive.getvalue())
    return answer.status_code


def anonymous(probe: Probe) -> Judgement:
    """Whether somebody without any key can read, list or write."""
    probe.put("private", b"for holders of keys only")
    bucket = probe.store.endpoint.address(probe.client, probe.bucket)
    answers = {
        "read": probe.http.get(probe.url("private")),
        "list": probe.http.get(bucket, params={"list-type": "2", "max-keys": "1"}),
        "write": probe.http.put(probe.url("anonymous"), content=BODY),
    }
    if can := [what for what, answer in answers.items() if answer.is_success]:
        return CheckStatus.UNSAFE, (
            f"anybody can {', '.join(can)} without keys. Remove the bucket's public policy."
        )
    return CheckStatus.OK, "refused"


def least_privilege(probe: Probe) -> Judgement:
    """Whether keys open more than they have to: an upload elsewhere is begun, and given up."""
    if probe.stages:
        return kept_apart(probe)
    advice = "HEADRACE_S3_ACCOUNTS gives each stage of the work an account of its own"
    if any(
        location.bucket == probe.bucket and not location.prefix
        for location in probe.store.locations
    ):
        return CheckStatus.OK, f"the whole bucket {probe.bucket} is Headrace's. {advice}"
    if not may_write(probe.client, probe.bucket, f"headrace-doctor-{probe.run}"):
        return CheckStatus.OK, f"writing outside of lake and landing area is refused. {advice}"
    return CheckStatus.WARNING, (
        f"these keys may write outside of lake and landing area, to {probe.bucket}/. Give jobs an "
        "account of their own: `headrace provision` makes it, or prints the policy to attach."
    )
