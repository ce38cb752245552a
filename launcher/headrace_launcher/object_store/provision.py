"""Makes the object store ready for Headrace; what is ready already is left as it is.

With the root login of a MinIO server (`HEADRACE_S3_ROOT_USER`) it makes buckets, encryption and
accounts with their policies: one for each stage of the work, or a single one. Elsewhere, AWS first,
accounts are made by that place's own means: there it makes buckets and encryption with the keys it
has, and gives the policies to attach.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from headrace_launcher.errors import (
    ObjectStoreRefused,
    ObjectStoreUnavailable,
    SettingInvalid,
    SettingMissing,
)
from headrace_launcher.object_store.account import Accounts, Tell, User
from headrace_launcher.object_store.endpoint import (
    DEFAULT_REGION,
    Endpoint,
    Keys,
    Store,
    code,
    described,
    status,
)
from headrace_launcher.object_store.policy import account_policy, policy
from headrace_launcher.services.settings import Settings
from headrace_schemas.accounts import (
    EVENT_LOGS,
    FOLDER,
    KEYS,
    RIGHTS,
    Account,
    keys_file,
    read_keys,
)
from headrace_schemas.errors import SecretUnreadable
from headrace_schemas.wire.secret_files import secret

READY_SECONDS = 60.0
PAUSE_SECONDS = 0.5

ROOT_LOGIN = ("HEADRACE_S3_ROOT_USER", "HEADRACE_S3_ROOT_PASSWORD")

ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


@dataclass(frozen=True)
class Login:
    """Who provisions, and for whom.

    Attributes:
        root: The server's root; None where accounts are made elsewhere.
        jobs: The account that all of the work uses, where there is one; None for what a profile
            or the host's role gives.
        stages: Where the keys of the stages' accounts lie; None where there is one for all.
    """

    root: Keys | None
    jobs: Keys | None
    stages: Path | None = None

    @classmethod
    def from_environment(cls, store: Store, environ: Mapping[str, str]) -> "Login":
        """The logins that the environment gives; AWS has no root login.

        Raises:
            SecretUnreadable: A file with half of the root login.
            SettingMissing: Half a login, or a root without an account to make.
        """
        jobs = _keys({name: environ.get(name) for name in KEYS})
        stages = Path(environ[FOLDER]) if environ.get(FOLDER) else None
        if store.endpoint.is_aws:
            return cls(None, jobs, stages)
        root = _keys({name: secret(name, environ) for name in ROOT_LOGIN})
        if root is not None and jobs is None and stages is None:
            raise SettingMissing(KEYS, "for the account that jobs get")
        return cls(root, jobs, stages)

    def users(self, store: Store) -> tuple[User, ...]:
        """The accounts that root is to make.

        Raises:
            SecretUnreadable: An account's keys are missing.
            SettingInvalid: Two accounts have the same keys, or one may write where another lands.
        """
        if self.root is None:
            return ()
        if self.stages is None:
            return (User.of_all(store, self.jobs),) if self.jobs is not None else ()
        refuse_overlap(store)
        keys = {account: self._of_stage(self.stages, account) for account in Account}
        for account, other in combinations(Account, 2):
            if keys[account].access_key == keys[other].access_key:
                raise SettingInvalid(
                    FOLDER,
                    str(self.stages),
                    f"Give s3_{account} and s3_{other} access keys of their own: a user of the store has "
                    "the rights of one account",
                )
        return tuple(User.of_stage(store, account, keys[account]) for account in Account)

    def _of_stage(self, folder: Path, account: Account) -> Keys:
        file = keys_file(folder, account)
        if (found := read_keys(file)) is None:
            raise SecretUnreadable(str(file), "it is empty, and root makes no user without keys")
        return Keys(*found)


def refuse_overlap(store: Store) -> None:
    """Refuse a landing area in which something else than deliveries lies.

    Raises:
        SettingInvalid: An area of the lake lies in it, or it in one.
    """
    if store.lake is None or store.landing is None or store.lake.bucket != store.landing.bucket:
        return
    landing = store.landing.key("")
    for area in sorted({area for rights in RIGHTS.values() for area in rights.writes}):
        folder = store.lake.key(area, "")
        if folder.startswith(landing) or landing.startswith(folder):
            raise SettingInvalid(
                "HEADRACE_LANDING",
                str(store.landing),
                f"Keep it apart from {store.lake}/{area}: an account could change what is another's",
            )


def asked_for(settings: Settings, environ: Mapping[str, str]) -> tuple[Store, Login]:
    """What is to be provisioned, and with which login.

    Raises:
        SecretUnreadable: A file with half of the root login.
        SettingInvalid: A setting that names no place.
        SettingMissing: Half a login.
    """
    store = Store.from_environment(settings, environ)
    return store, Login.from_environment(store, environ)


def policy_text(store: Store, login: Login, account: Account | None = None) -> str:
    """The policy of a stage's account, or of the one for all of the work, as it is attached.

    Raises:
        SettingInvalid: Accounts would not be kept apart.
    """
    own = login.root is not None
    if account is None:
        return json.dumps(policy(store, own), indent=2)
    refuse_overlap(store)
    return json.dumps(account_policy(store, account, own), indent=2)


def provision(store: Store, login: Login, tell: Tell, ready_seconds: float = READY_SECONDS) -> None:
    """Make what is missing.

    Raises:
        ObjectStoreUnavailable: No answer within `ready_seconds`.
        ObjectStoreRefused: The login may not do it.
        SecretUnreadable: An account's keys are missing; nothing was made.
        SettingInvalid: Accounts would not be kept apart; nothing was made.
    """
    if not store.locations:
        tell("note", "lake and landing area are on local disk: there is no object store")
        return
    users = login.users(store)
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
    if login.root is not None:
        Accounts(store, login.root).ensure(users, tell)
    else:
        whose = "--print-policy to the jobs' account"
        if login.stages is not None:
            whose = f"--print-policy ACCOUNT to each: {', '.join(Account)}"
        tell("note", f"no account is made here: attach the policy of {whose}")


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


def _keys(given: Mapping[str, str | None]) -> Keys | None:
    """A login from two variables, the one with the secret last."""
    (access_name, access_key), (secret_name, secret_key) = given.items()
    if access_key and secret_key:
        return Keys(access_key, secret_key)
    if access_key or secret_key:
        missing, there = (secret_name, access_name) if access_key else (access_name, secret_name)
        raise SettingMissing((missing,), f"with {there}")
    return None
