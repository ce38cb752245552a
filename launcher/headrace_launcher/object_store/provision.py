"""Makes the object store ready for Headrace; what is ready already is left as it is.

With the root login of a MinIO server (`HEADRACE_S3_ROOT_USER`) it makes buckets, encryption, the
jobs' policy and the jobs' account. Elsewhere, AWS first, accounts are made by that place's own
means: there it makes buckets and encryption with the keys it has, and gives the policy to attach.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from headrace_launcher.errors import ObjectStoreRefused, ObjectStoreUnavailable, SettingMissing
from headrace_launcher.object_store.account import JobsAccount, Tell
from headrace_launcher.object_store.endpoint import (
    DEFAULT_REGION,
    Endpoint,
    Keys,
    Store,
    code,
    described,
    status,
)
from headrace_launcher.object_store.policy import policy
from headrace_launcher.settings import Settings

READY_SECONDS = 60.0
PAUSE_SECONDS = 0.5

EVENT_LOGS = "spark-events"
"""Spark's event log folder in the lake; Spark does not start where it is missing."""

ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


@dataclass(frozen=True)
class Login:
    """Who provisions, and for whom.

    Attributes:
        root: The server's root; None where accounts are made elsewhere.
        jobs: The account that jobs use; None for what a profile or the host's role gives.
    """

    root: Keys | None
    jobs: Keys | None

    @classmethod
    def from_environment(cls, store: Store, environ: Mapping[str, str]) -> "Login":
        """The logins that the environment gives; AWS has no root login.

        Raises:
            SettingMissing: Half a login, or a root without an account to make.
        """
        jobs = _keys(environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if store.endpoint.is_aws:
            return cls(root=None, jobs=jobs)
        root = _keys(environ, "HEADRACE_S3_ROOT_USER", "HEADRACE_S3_ROOT_PASSWORD")
        if root is not None and jobs is None:
            raise SettingMissing(
                ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "for the account that jobs get"
            )
        return cls(root=root, jobs=jobs)


def asked_for(settings: Settings, environ: Mapping[str, str]) -> tuple[Store, Login]:
    """What is to be provisioned, and with which login.

    Raises:
        SettingInvalid: A setting that names no place.
        SettingMissing: Half a login.
    """
    store = Store.from_environment(settings, environ)
    return store, Login.from_environment(store, environ)


def policy_text(store: Store, login: Login) -> str:
    """The policy of the jobs' account, as it is attached."""
    return json.dumps(policy(store, own_account=login.root is not None), indent=2)


def provision(store: Store, login: Login, tell: Tell, ready_seconds: float = READY_SECONDS) -> None:
    """Make what is missing.

    Raises:
        ObjectStoreUnavailable: No answer within `ready_seconds`.
        ObjectStoreRefused: The login may not do it.
    """
    if not store.locations:
        tell("note", "lake and landing area are on local disk: there is no object store")
        return
    wait_until_ready(store.endpoint, ready_seconds)
    client = store.endpoint.client(login.root)
    try:
        for bucket in store.buckets:
            _bucket(store, client, bucket, tell)
            _encryption(client, bucket, tell)
            _versioning(client, bucket, tell)
        if store.lake is not None:
            _folder(client, store.lake.bucket, store.lake.key(EVENT_LOGS, ""), tell)
    except (ClientError, BotoCoreError) as error:
        raise _refused(store, login, error) from error
    if login.root is not None and login.jobs is not None:
        JobsAccount(store, login.root, login.jobs).ensure(tell)
    else:
        tell(
            "note",
            "no account is made here: attach the policy of --print-policy to the jobs' account",
        )


def _refused(store: Store, login: Login, error: ClientError | BotoCoreError) -> ObjectStoreRefused:
    request = error.operation_name if isinstance(error, ClientError) else "a request"
    who, advice = "the keys of the environment", "Give keys that may do it, or do it yourself"
    if login.root is not None:
        who = "HEADRACE_S3_ROOT_USER"
        advice = f"Correct the login. Leave {who} empty where the store is not MinIO"
    return ObjectStoreRefused(
        str(store.endpoint), f"{request} with {who}", described(error), advice
    )


def wait_until_ready(endpoint: Endpoint, seconds: float) -> None:
    """Wait until the store takes requests.

    Raises:
        ObjectStoreUnavailable: It did not in time.
    """
    if endpoint.url is None or endpoint.is_aws:
        return  # AWS does not start
    deadline = time.monotonic() + seconds
    with endpoint.http() as http:
        while True:
            try:
                answer = http.get(endpoint.url)
            except httpx.HTTPError as error:
                problem = described(error)
            else:
                if not answer.is_server_error:
                    return
                problem = f"it answers {answer.status_code}"
            if time.monotonic() >= deadline:
                raise ObjectStoreUnavailable(str(endpoint), seconds, problem)
            time.sleep(PAUSE_SECONDS)


def _bucket(store: Store, client: Any, bucket: str, tell: Tell) -> None:
    try:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)  # HEAD would not say why it is refused
    except ClientError as error:
        if code(error) != "NoSuchBucket":
            raise
    else:
        tell("present", f"bucket {bucket}")
        return
    place: dict[str, Any] = {}
    if store.endpoint.region != DEFAULT_REGION:
        place = {"CreateBucketConfiguration": {"LocationConstraint": store.endpoint.region}}
    client.create_bucket(Bucket=bucket, **place)
    tell("made", f"bucket {bucket}")


def _encryption(client: Any, bucket: str, tell: Tell) -> None:
    """Encrypt by default; a default that is there stays, it may be a stronger one."""
    try:
        client.get_bucket_encryption(Bucket=bucket)
    except ClientError as error:
        if code(error) == "AccessDenied":
            tell(
                "note",
                f"encryption of {bucket}: these keys may not read it; `headrace doctor` looks",
            )
            return
        if code(error) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
    else:
        tell("present", f"encryption of {bucket}")
        return
    try:
        client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=ENCRYPTED)
    except ClientError as error:
        if code(error) != "NotImplemented":
            raise
        tell("note", f"encryption of {bucket}: the server has no key for it (MINIO_KMS_SECRET_KEY)")
        return
    tell("made", f"encryption of {bucket}")


def _versioning(client: Any, bucket: str, tell: Tell) -> None:
    """Only look: erasures cannot reach old versions, yet somebody may need them."""
    try:
        state = client.get_bucket_versioning(Bucket=bucket).get("Status")
    except ClientError as error:
        if code(error) not in ("AccessDenied", "NotImplemented"):
            raise
        return
    if state == "Enabled":
        tell("note", f"versioning of {bucket} is on: old versions keep what erasures delete")


def _folder(client: Any, bucket: str, key: str, tell: Tell) -> None:
    """An empty object whose name ends with a slash is a folder to Spark."""
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if status(error) != httpx.codes.NOT_FOUND:
            raise
    else:
        tell("present", f"folder s3a://{bucket}/{key}")
        return
    client.put_object(Bucket=bucket, Key=key, Body=b"")
    tell("made", f"folder s3a://{bucket}/{key}")


def _keys(environ: Mapping[str, str], access_name: str, secret_name: str) -> Keys | None:
    access_key, secret_key = environ.get(access_name), environ.get(secret_name)
    if access_key and secret_key:
        return Keys(access_key, secret_key)
    if access_key or secret_key:
        missing, given = (secret_name, access_name) if access_key else (access_name, secret_name)
        raise SettingMissing((missing,), f"with {given}")
    return None
