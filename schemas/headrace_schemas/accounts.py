"""Who may do what in the lake: an account of the object store for each stage of the work.

An account lets a stage do its own work and no other's: what is read into a batch cannot change a
table, and nothing but the maintenance removes what was published.
"""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from headrace_schemas.errors import SecretUnreadable

FOLDER = "HEADRACE_S3_ACCOUNTS"
"""Names the folder with the accounts' keys, a file `s3_<account>` each in the form of AWS's own
credentials file. Not set: all stages use the keys of the environment."""

PUBLISH_REMOTE = "HEADRACE_PUBLISH_REMOTE"
"""A second Spark Connect server, which runs as the account `publish`."""

TOKEN, PUBLISH_TOKEN = "HEADRACE_CONNECT_TOKEN", "HEADRACE_PUBLISH_TOKEN"
"""The tokens of the two servers; with `_FILE`, a file that holds it."""

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

EVENT_LOGS = "spark-events"
"""Spark's event log folder in the lake; Spark does not start where it is missing."""

PROBES = "doctor"
"""Where `headrace doctor` writes and removes what it looks at the store with."""

MODELS, LOGS = "mlflow", "logs"
"""Where a deployment keeps the files of models, and the logs of tasks."""


class Account(StrEnum):
    """One user of the object store."""

    DELIVER = "deliver"
    INGEST = "ingest"
    PUBLISH = "publish"
    LEARN = "learn"
    MAINTAIN = "maintain"
    AIRFLOW = "airflow"


@dataclass(frozen=True)
class Rights:
    """What an account may do. Areas are folders of the lake, by their paths in it.

    Attributes:
        lands: Whether it may put files into the landing area; nobody but who delivers may.
        reads_landing: Whether it may read them.
        reads_lake: Whether it may read all of the lake.
        writes: Areas in which it may put objects.
        removes: Areas in which it may delete some.
    """

    lands: bool = False
    reads_landing: bool = False
    reads_lake: bool = True
    writes: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()


PUBLISHED = ("tables", "quarantine", "predictions", "monitoring", "sketches", "ledger")

RIGHTS: Mapping[Account, Rights] = {
    Account.DELIVER: Rights(lands=True, reads_landing=True, reads_lake=False),
    # Spark renames what it has written to a staged batch, and its own log of events: on S3 a copy
    # and a removal.
    Account.INGEST: Rights(
        reads_landing=True, writes=("staging", "gates", EVENT_LOGS), removes=("staging", EVENT_LOGS)
    ),
    # A rebuild loads and judges in one job with what it publishes.
    Account.PUBLISH: Rights(
        reads_landing=True,
        writes=(*PUBLISHED, "staging", "gates", EVENT_LOGS),
        removes=("staging", EVENT_LOGS),
    ),
    Account.LEARN: Rights(writes=(MODELS, "ledger", EVENT_LOGS), removes=(EVENT_LOGS,)),
    # It writes a file to see the store's clock by, and `headrace doctor` probes.
    Account.MAINTAIN: Rights(
        writes=("staging", PROBES), removes=("staging", "gates", PROBES, *PUBLISHED)
    ),
    Account.AIRFLOW: Rights(reads_landing=True, writes=(LOGS, "ledger/digests", "ledger/holds")),
}


def keys_file(folder: Path, account: Account) -> Path:
    """Where an account's keys lie."""
    return folder / f"s3_{account.value}"


def keys_text(access_key: str, secret_key: str) -> str:
    """Keys as AWS's own credentials file has them."""
    return f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n"


def read_keys(file: Path) -> tuple[str, str] | None:
    """The access key and the secret of a credentials file; None if it is empty: the host has a role.

    Raises:
        SecretUnreadable: It cannot be read, or has other content.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        text = file.read_text()
        if not text.strip():
            return None
        parser.read_string(text)
        section = parser["default"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]
    except (OSError, KeyError, configparser.Error, UnicodeDecodeError) as error:
        raise SecretUnreadable(str(file), type(error).__name__) from error


def job_account(account: Account, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a job's process is of its account; none where there is one for all.

    Spark Connect has accounts of its own: `ingest` for what that account does, `publish` for all
    else.

    Raises:
        SecretUnreadable: The account's keys cannot be read.
    """
    found: dict[str, str] = {}
    if folder := environ.get(FOLDER):
        keys = read_keys(keys_file(Path(folder), account))
        found |= dict(zip(KEYS, keys, strict=True)) if keys else {}
    if account is not Account.INGEST and (remote := environ.get(PUBLISH_REMOTE)):
        found["SPARK_REMOTE"] = remote
        for form in ("", "_FILE"):  # an empty one hides the other server's
            found[f"{TOKEN}{form}"] = environ.get(f"{PUBLISH_TOKEN}{form}", "")
    return found
