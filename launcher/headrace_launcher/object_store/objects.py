"""Checks of what the store does with objects: whole, conditional, encrypted, in versions."""

import re

import httpx
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from headrace_launcher.object_store.endpoint import code, described, status
from headrace_launcher.object_store.finding import CheckStatus, Judgement
from headrace_launcher.object_store.probe import Probe

SHOWN_CHARACTERS = 300
FIRST, SECOND = b"first", b"second"

LOSES_COMMITS = (
    "two writers of a table can both be told that their commit is in, and one of them is lost. Use a "
    "store, or a version of it, with conditional writes"
)


def read_write(probe: Probe) -> Judgement:
    """Whether an object in the lake can be written, listed, read and deleted."""
    steps: list[str] = []
    try:
        steps.append("write")
        probe.put("object", FIRST)
        steps.append("list")
        if "object" not in probe.names():
            return (
                CheckStatus.FAILED,
                "an object that was written is not listed. Use another store.",
            )
        steps.append("read")
        if probe.get("object") != FIRST:
            return CheckStatus.FAILED, "an object does not come back as written. Use another store."
        steps.append("delete")
        probe.delete("object")
    except ClientError as error:
        return CheckStatus.FAILED, (
            f"the keys may not {steps[-1]} in {probe.location}: {described(error)}. Run "
            "`headrace provision`, or attach the policy that its --print-policy prints."
        )
    if probe.get("object") is not None:
        return (
            CheckStatus.FAILED,
            "an object is still there after it was deleted. Use another store.",
        )
    return CheckStatus.OK, f"in {probe.location}"


def path_style(probe: Probe) -> Judgement:
    """Whether a bucket can be named in the path, as Spark does; asked without an SDK."""
    probe.put("by-path", FIRST)
    signed = probe.client.generate_presigned_url(
        "get_object", Params={"Bucket": probe.bucket, "Key": probe.key("by-path")}, ExpiresIn=60
    )
    address = httpx.URL(signed)
    if not address.path.startswith(f"/{probe.bucket}/"):
        return CheckStatus.FAILED, f"the bucket's name {probe.bucket} cannot stand in a path."
    answer = probe.http.get(address)
    if answer.status_code != httpx.codes.OK or answer.content != FIRST:
        return CheckStatus.FAILED, (
            f"the store answers {answer.status_code} where the bucket is named in the path. Let the "
            "store take path-style requests."
        )
    return CheckStatus.OK, "understood"


def conditional_put(probe: Probe) -> Judgement:
    """Whether `If-None-Match: *` keeps an object from being replaced: Delta's commits need it."""
    try:
        probe.put("commit", FIRST, IfNoneMatch="*")
    except ClientError as error:
        return (
            CheckStatus.FAILED,
            f"a conditional PUT is refused: {described(error)}. Use another store.",
        )
    try:
        probe.put("commit", SECOND, IfNoneMatch="*")
    except ClientError as error:
        return _judged(probe, "commit", error)
    return CheckStatus.UNSAFE, f"If-None-Match is ignored on PUT: {LOSES_COMMITS}."


def conditional_multipart(probe: Probe) -> Judgement:
    """The same for an upload in parts, which is how large commits are written."""
    probe.put("commit-in-parts", FIRST)
    target = {"Bucket": probe.bucket, "Key": probe.key("commit-in-parts")}
    upload = probe.client.create_multipart_upload(**target)["UploadId"]
    try:
        part = probe.client.upload_part(**target, UploadId=upload, PartNumber=1, Body=SECOND)
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        probe.client.complete_multipart_upload(
            **target, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
        )
    except ClientError as error:
        probe.client.abort_multipart_upload(**target, UploadId=upload)
        return _judged(probe, "commit-in-parts", error)
    return CheckStatus.UNSAFE, f"If-None-Match is ignored on uploads in parts: {LOSES_COMMITS}."


def _judged(probe: Probe, name: str, refusal: ClientError) -> Judgement:
    if probe.get(name) != FIRST:
        return CheckStatus.UNSAFE, f"a refused write has replaced the object: {LOSES_COMMITS}."
    if status(refusal) != httpx.codes.PRECONDITION_FAILED:
        return CheckStatus.FAILED, (
            f"a conditional write ends with {described(refusal)}, not with 412: commits fail. Use "
            "another store."
        )
    return CheckStatus.OK, "honoured: 412, and the first object stays"


def delta_reader(probe: Probe) -> Judgement:
    """Whether Delta's reader without Spark finds the store; it has settings of its own."""
    table = f"s3a://{probe.bucket}/{probe.key('table')}"
    try:
        DeltaTable(table, storage_options=probe.options)
    except TableNotFoundError:
        return CheckStatus.OK, "reaches the store"
    except (OSError, DeltaError) as error:
        said = " ".join(re.sub(r"\x1b\[[0-9;]*m|↳", "", str(error)).split())
        return CheckStatus.FAILED, (
            f"deltalake does not reach the store: {said[:SHOWN_CHARACTERS]}. With http it needs "
            "AWS_ALLOW_HTTP=true; for AWS leave AWS_ENDPOINT_URL unset, or give AWS's own URL: an "
            "empty one breaks it."
        )
    return CheckStatus.FAILED, f"deltalake finds a table at {table}, where nobody wrote one."


def encryption(probe: Probe) -> Judgement:
    """Whether the store encrypts what it writes to its disks."""
    probe.put("plain", FIRST)
    head = probe.client.head_object(Bucket=probe.bucket, Key=probe.key("plain"))
    if kind := head.get("ServerSideEncryption"):
        return CheckStatus.OK, f"at rest by default ({kind})"
    try:
        probe.put("encrypted", FIRST, ServerSideEncryption="AES256")
    except ClientError as error:
        return CheckStatus.WARNING, (
            f"at rest is not offered ({code(error)}). Give the server a key (MinIO: "
            "MINIO_KMS_SECRET_KEY), or encrypt its disks."
        )
    return CheckStatus.WARNING, (
        "at rest is offered, but not the bucket's default. `headrace provision` makes it so."
    )


def versioning(probe: Probe) -> Judgement:
    """Whether deleted and replaced objects are kept, where an erasure does not reach them."""
    if probe.put("version", FIRST).get("VersionId", "null") != "null":
        return CheckStatus.WARNING, (
            f"is on for {probe.bucket}: what VACUUM and erasures delete stays in old versions. "
            "Suspend it, or let a lifecycle rule end old versions in time for erasures."
        )
    return CheckStatus.OK, "off: what is deleted is gone"
