"""What docker-compose.yml is started with: settings in `.env`, and secrets in a file each.

Secrets are files, not variables: a container sees those that it needs and no others, and nobody
reads them in what the engine tells of a container. The folder is its owner's alone; the files in it
are readable, as a container's user is another one than the host's.
"""

import base64
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headrace_schemas.accounts import Account, keys_file, keys_text

KEY_BYTES = 32

FOLDER = ".secrets"
"""Beside `.env`; HEADRACE_SECRETS of the compose file."""

HEAD = """\
# Settings of docker-compose.yml: every ${VARIABLE} of it can be set here. Secrets are files, in the
# folder .secrets. Keep a copy of that folder in a safe place: without minio_kms_secret_key the lake
# cannot be read, without airflow_fernet_key Airflow's connections.
"""

PROFILES, OWN_STORE = "COMPOSE_PROFILES", "minio"

_LINE = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.MULTILINE)


def _key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _url_safe_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def _hex() -> str:
    return secrets.token_hex(KEY_BYTES)  # nothing that a URL or a file of settings would escape


MADE: dict[str, Callable[[], str]] = {
    "admin_password": lambda: secrets.token_urlsafe(18),
    "postgres_password": _hex,
    "airflow_db_password": _hex,
    "mlflow_db_password": _hex,
    "s3_root_user": lambda: f"root-{secrets.token_hex(8)}",
    "s3_root_password": _hex,
    "minio_kms_secret_key": lambda: f"headrace:{_key()}",
    "spark_auth_secret": _hex,
    "connect_ingest_token": _hex,
    "connect_publish_token": _hex,
    "airflow_fernet_key": _url_safe_key,
    "airflow_api_secret_key": _hex,
    "airflow_jwt_secret": _hex,
}
"""Secrets that the compose file asks for and nobody should have to invent. Each account of the
object store has one more, with its keys."""

FORMER = {
    "HEADRACE_ADMIN_PASSWORD": "admin_password",
    "POSTGRES_PASSWORD": "postgres_password",
    "AIRFLOW_DB_PASSWORD": "airflow_db_password",
    "MLFLOW_DB_PASSWORD": "mlflow_db_password",
    "HEADRACE_S3_ROOT_USER": "s3_root_user",
    "HEADRACE_S3_ROOT_PASSWORD": "s3_root_password",
    "MINIO_KMS_SECRET_KEY": "minio_kms_secret_key",
    "SPARK_AUTH_SECRET": "spark_auth_secret",
    "SPARK_CONNECT_TOKEN": "connect_ingest_token",
    "AIRFLOW_FERNET_KEY": "airflow_fernet_key",
    "AIRFLOW_API_SECRET_KEY": "airflow_api_secret_key",
    "AIRFLOW_JWT_SECRET": "airflow_jwt_secret",
}
"""Where secrets stood in `.env` of an earlier version: they move, as the services' own data is
locked with them."""

FORMER_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""One account for everything. Its keys move to all accounts where the store is not ours to make
accounts in; they are dropped where it is."""


@dataclass(frozen=True)
class EnvChanges:
    """What `ensure_env` did.

    Attributes:
        made: Secrets that were missing.
        moved: Variables of `.env` that are files now.
        unread: Variables of `.env` beside a file that says otherwise; nobody reads them.
    """

    made: list[str]
    moved: list[str]
    unread: list[str]


def ensure_env(file: Path) -> EnvChanges:
    """Write what `file` and the folder of secrets beside it lack, and put their modes right.

    What stands there stays: a changed secret would lock the services out of their own data.
    """
    text = file.read_text() if file.exists() else HEAD
    values = dict(_LINE.findall(text))
    folder = file.with_name(FOLDER)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    former = {name: values[name] for name in FORMER if values.get(name)}
    for name, value in former.items():
        _create(folder / FORMER[name], value)
    unread = [name for name in former if (folder / FORMER[name]).read_text() != former[name]]
    given = _former_keys(values)
    made = [name for name, make in MADE.items() if _create(folder / name, make())]
    for account in Account:
        if _create(keys_file(folder, account), given or _new_keys()) and not given:
            made.append(keys_file(folder, account).name)
    dropped = [name for name in (*FORMER, *FORMER_KEYS) if name in values and name not in unread]
    lines = [line for line in text.splitlines() if line.partition("=")[0] not in dropped]
    if PROFILES not in values:
        lines.append(f"{PROFILES}={OWN_STORE}")
    _replace(file, "\n".join(lines) + "\n", 0o600)
    return EnvChanges(made, dropped, unread)


def _former_keys(values: dict[str, str]) -> str | None:
    """The keys of the one account that everything had, where accounts are made elsewhere."""
    keys = [values.get(name, "") for name in FORMER_KEYS]
    is_own = OWN_STORE in values.get(PROFILES, OWN_STORE).split(",")
    return None if is_own or not all(keys) else keys_text(*keys)


def _new_keys() -> str:
    return keys_text(secrets.token_hex(10).upper(), secrets.token_hex(20))


def _create(file: Path, content: str) -> bool:
    """Write a secret unless there is one; whether there was none."""
    if file.exists():
        return False
    _replace(file, content, 0o444)
    return True


def _replace(file: Path, content: str, mode: int) -> None:
    """Write a file so that nobody ever sees half of it, or with another mode."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
    draft.chmod(mode)
    draft.replace(file)
