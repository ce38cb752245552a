"""Passwords and keys of one home: made once, kept in files that only their owner can read.

A secret never stands on a command line and is never printed, except the password by `headrace
login`. Airflow reads its keys from these files; only the Spark Connect server gets its token by its
environment.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

USER = "admin"
KEY_BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """The secret files of one home."""

    directory: Path

    @property
    def passwords(self) -> Path:
        """Airflow's users and their passwords, in the form its simple auth manager reads."""
        return self.directory / "airflow_passwords.json"

    @property
    def fernet_key(self) -> Path:
        """Encrypts connections and variables in Airflow's database."""
        return self.directory / "airflow_fernet_key"

    @property
    def api_secret_key(self) -> Path:
        """Signs Airflow's sessions."""
        return self.directory / "airflow_api_secret_key"

    @property
    def jwt_secret(self) -> Path:
        """Signs the tokens of Airflow's users and tasks."""
        return self.directory / "airflow_jwt_secret"

    @property
    def connect(self) -> Path:
        """What the Spark Connect server that runs now and its clients know each other by."""
        return self.directory / "spark_connect"

    def password(self) -> str:
        """The password of Airflow's user `admin`."""
        users: dict[str, str] = json.loads(self.passwords.read_text())
        return users[USER]

    def ensure(self) -> None:
        """Make what is missing; put the modes right of what is there."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        made: dict[Path, Callable[[], str]] = {
            self.passwords: lambda: json.dumps({USER: secrets.token_urlsafe(18)}),
            self.fernet_key: lambda: base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode(),
            self.api_secret_key: lambda: secrets.token_hex(KEY_BYTES),
            self.jwt_secret: lambda: secrets.token_hex(KEY_BYTES),
        }
        for path, make in made.items():
            if path.exists():
                path.chmod(0o600)
            else:
                write_private(path, make())


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others, not even for a moment."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)
