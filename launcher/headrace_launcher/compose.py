"""The `.env` of the compose file: random secrets, made once, that only their owner can read."""

import base64
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

KEY_BYTES = 32

_LINE = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)

HEAD = """\
# Secrets and settings of docker-compose.yml. Keep a copy of this file in a safe place: without
# MINIO_KMS_SECRET_KEY the lake cannot be read, without AIRFLOW_FERNET_KEY Airflow's connections.
# Every ${VARIABLE} of docker-compose.yml can be set here.
"""


def _key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _url_safe_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def _hex() -> str:
    return secrets.token_hex(KEY_BYTES)  # nothing that a URL or a file of settings would escape


MADE: dict[str, Callable[[], str]] = {
    "COMPOSE_PROFILES": lambda: "minio",
    "HEADRACE_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(18),
    "POSTGRES_PASSWORD": _hex,
    "AIRFLOW_DB_PASSWORD": _hex,
    "MLFLOW_DB_PASSWORD": _hex,
    "HEADRACE_S3_ROOT_USER": lambda: f"root-{secrets.token_hex(8)}",
    "HEADRACE_S3_ROOT_PASSWORD": _hex,
    "MINIO_KMS_SECRET_KEY": lambda: f"headrace:{_key()}",
    "AWS_ACCESS_KEY_ID": lambda: secrets.token_hex(10).upper(),
    "AWS_SECRET_ACCESS_KEY": lambda: secrets.token_hex(20),
    "SPARK_AUTH_SECRET": _hex,
    "SPARK_CONNECT_TOKEN": _hex,
    "AIRFLOW_FERNET_KEY": _url_safe_key,
    "AIRFLOW_API_SECRET_KEY": _hex,
    "AIRFLOW_JWT_SECRET": _hex,
}
"""What the compose file asks for and nobody should have to invent."""


def ensure_env(file: Path) -> list[str]:
    """Write what `file` lacks and put its mode right; the names that were added.

    What stands there stays: a changed secret would lock the services out of their own data.
    """
    text = file.read_text() if file.exists() else HEAD
    present = set(_LINE.findall(text))
    added = [name for name in MADE if name not in present]
    if added:
        if text and not text.endswith("\n"):
            text += "\n"
        text += "".join(f"{name}={MADE[name]()}\n" for name in added)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        draft.replace(file)
    file.chmod(0o600)
    return added
