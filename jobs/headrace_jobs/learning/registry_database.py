"""The registry's database: MLflow's tables, made or brought up to date.

`python -m headrace_jobs registry` does it once before jobs start: two that met an empty database would both
make its tables.
"""

import logging
import os

from mlflow.db import commands

from headrace_schemas.wire.secret_files import secret

log = logging.getLogger(__name__)


def prepare() -> int:
    """Make the tables of the database that MLFLOW_TRACKING_URI names, as this MLflow has them."""
    # By a call: the URI may hold a password, and a command line is everybody's to read.
    show_password()
    commands.main(["upgrade", os.environ["MLFLOW_TRACKING_URI"]], standalone_mode=False)
    log.info("the registry's database is up to date")
    return 0


def show_password() -> None:
    """Have PostgreSQL's client find the database's password, where a file holds it.

    So the URI needs none, which MLflow and its errors show.

    Raises:
        SecretUnreadable: The file cannot be read.
    """
    if password := secret("HEADRACE_REGISTRY_PASSWORD", os.environ):
        os.environ["PGPASSWORD"] = password
