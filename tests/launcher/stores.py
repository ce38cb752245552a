"""Object stores for the tests of `headrace doctor` and `headrace provision`."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials import StaticProvider

from headrace_launcher.object_store.doctor import DoctorReport
from headrace_launcher.object_store.endpoint import Keys, Store, code
from headrace_launcher.object_store.finding import CheckStatus
from headrace_launcher.object_store.provision import Login, provision
from headrace_launcher.services.settings import Settings
from headrace_schemas.accounts import FOLDER, Account, keys_file, keys_text, read_keys
from tests.fault_proxy import Exchange, Fault
from tests.object_store import REGION, ObjectStore

UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"
JOBS = Keys("JOBSJOBSJOBSJOBSJOBS", "secret-of-the-jobs-account-1234567890")


Examine = Callable[..., DoctorReport]


def encrypting_store(folder: Path) -> ObjectStore:
    """A server with a key to encrypt by, as the compose file gives it one."""
    key = base64.b64encode(bytes(32)).decode()
    return ObjectStore(folder, {"MINIO_KMS_SECRET_KEY": f"headrace:{key}"})


@dataclass(frozen=True)
class Place:
    """A deployment's settings, as its environment has them."""

    server: ObjectStore
    bucket: str
    keys: Keys = JOBS
    lake: str = "lake"
    stages: Path | None = None

    @property
    def root(self) -> Keys:
        return Keys(self.server.access_key, self.server.secret_key)

    @property
    def environment(self) -> dict[str, str]:
        stages = {} if self.stages is None else {FOLDER: str(self.stages)}
        return {
            **stages,
            "HEADRACE_LAKE": f"s3a://{self.bucket}/{self.lake}",
            "HEADRACE_LANDING": f"s3a://{self.bucket}/landing",
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": self.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
        }

    @property
    def root_environment(self) -> dict[str, str]:
        return {
            "HEADRACE_S3_ROOT_USER": self.root.access_key,
            "HEADRACE_S3_ROOT_PASSWORD": self.root.secret_key,
        }

    @property
    def store(self) -> Store:
        environment = self.environment
        return Store.from_environment(Settings.from_environment(environment), environment)

    def provision(self) -> list[tuple[str, str]]:
        """What was told."""
        told: list[tuple[str, str]] = []
        login = Login(root=self.root, jobs=self.keys, stages=self.stages)
        provision(self.store, login, lambda state, what: told.append((state, what)))
        return told

    def keys_of(self, account: Account) -> Keys:
        assert self.stages is not None
        keys = read_keys(keys_file(self.stages, account))
        assert keys is not None
        return Keys(*keys)

    def client(self, keys: Keys | None = None) -> Any:
        return self.store.endpoint.client(keys or self.keys)

    def admin(self, keys: Keys | None = None) -> MinioAdmin:
        who = keys or self.root
        return MinioAdmin(
            endpoint=f"127.0.0.1:{self.server.port}",
            secure=False,
            region=REGION,
            credentials=StaticProvider(who.access_key, who.secret_key),
        )

    def objects(self) -> list[str]:
        found = self.server.client.list_objects(self.bucket, recursive=True)
        return [str(one.object_name) for one in found]


def refusal(ask: Callable[[], object]) -> str:
    """Why the store does not do it."""
    with pytest.raises(ClientError) as raised:
        ask()
    return code(raised.value)


def own_keys() -> Keys:
    """Keys that nobody else has."""
    return Keys(secrets.token_hex(8), secrets.token_hex(16))


def write_keys(folder: Path) -> Path:
    """A folder with keys for all accounts, as `headrace env` makes it."""
    folder.mkdir(exist_ok=True)
    for account in Account:
        made = own_keys()
        keys_file(folder, account).write_text(keys_text(made.access_key, made.secret_key))
    return folder


def headrace(
    home: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The command, with nothing of this process's own environment that points to a store."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "HEADRACE_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "headrace_launcher", *arguments],
        env={**plain, "HEADRACE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def statuses(report: DoctorReport, *but: CheckStatus) -> dict[str, CheckStatus]:
    """Checks that did not end with one of the statuses."""
    return {one.check: one.status for one in report.findings if one.status not in but}


def text(report: DoctorReport, check: str) -> str:
    return next(one.text for one in report.findings if one.check == check)


def refuse_unsigned(exchange: Exchange) -> None:
    """What a server does in which the unsigned writes are mended."""
    if exchange.headers.get("X-Amz-Content-Sha256") == UNSIGNED:
        exchange.answer(403, DENIED)
    else:
        exchange.pass_on()


def ignore_condition(place: Place) -> Fault:
    """What a server does that knows no conditional writes: the object is replaced."""

    def replace(exchange: Exchange) -> None:
        if exchange.headers.get("If-None-Match") == "*":
            # The header is signed and cannot be taken away: it is made true.
            bucket, _, key = exchange.path.partition("?")[0].lstrip("/").partition("/")
            place.server.client.remove_object(bucket, key)
        exchange.pass_on()

    return replace


def refuse(exchange: Exchange) -> None:
    """Answer that it is not allowed."""
    exchange.answer(403, DENIED)


def skewed(by: timedelta) -> Fault:
    """What a server does whose clock is late or early."""

    def answer(exchange: Exchange) -> None:
        exchange.forward()
        assert exchange._answer is not None
        headers = exchange._answer[0].headers
        headers.replace_header("Date", format_datetime(datetime.now(UTC) + by, usegmt=True))
        exchange.pass_on()

    return answer
