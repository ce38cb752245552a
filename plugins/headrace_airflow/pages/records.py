"""Gate records in the browser: what the contract said of a batch, for those who are logged in."""

import re

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Response

from headrace_airflow.settings import DeploymentSettings
from headrace_lake import object_store
from headrace_schemas.batch import WHOLE
from headrace_schemas.names import TABLE_NAME
from headrace_schemas.partition import KEY_PATTERNS
from headrace_schemas.places import Place

TABLE = re.compile(TABLE_NAME)
BATCH = re.compile("|".join([WHOLE, *KEY_PATTERNS.values()]))

TYPES = {"index.html": "text/html; charset=utf-8", "result.json": "application/json"}
"""The files of a record; nothing else of the lake can be asked for."""

# A record is a file of the lake, and one may be there that an older Headrace wrote: a page of names
# and texts from outside that acts. None may run anything, ask for anything or be framed.
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}

# Airflow protects nothing of a plugin's application by itself.
app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)])


@app.get("/gates/{table}/{batch}/{file}")
def gate_record(table: str, batch: str, file: str) -> Response:
    """One file of a batch's gate record."""
    is_known = TABLE.fullmatch(table) and BATCH.fullmatch(batch) and file in TYPES
    content = (
        read(DeploymentSettings.current().lake.gate_record(table, batch), file)
        if is_known
        else None
    )
    if content is None:
        missing = f"There is no gate record {file} of {table} [{batch}]."
        raise HTTPException(404, missing, headers=HEADERS)
    return Response(content, media_type=TYPES[file], headers=HEADERS)


def read(folder: str, file: str) -> bytes | None:
    """A file of the lake; None if there is none."""
    root = Place.parse(folder).path
    if root is None:
        return object_store.read(Place.parse(f"{folder}/{file}"))
    path = root / file
    return path.read_bytes() if path.is_file() else None
