"""The declarations that a Dag file is made of."""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from headrace_schemas.declarations.catalog import Catalog


def catalog_beside(dag_file: str) -> Catalog:
    """The catalogue in `schemas/` beside the Dags' folder, or where HEADRACE_SCHEMAS says.

    The place follows from the file: a versioned bundle keeps a checkout for each version.
    """
    root = os.environ.get("HEADRACE_SCHEMAS") or Path(dag_file).resolve().parents[1] / "schemas"
    return Catalog.load(Path(root))


def is_wanted(dag_id: str) -> bool:
    """Whether this process needs the Dag: a task's process needs its own only."""
    asked = get_parsing_context().dag_id
    return asked is None or asked == dag_id
