"""Reads a table's row ids without Spark: by delta-rs and by DuckDB.

    python -m tests.faults.read_rows BUCKET KEY

Endpoint and keys come from the environment. Prints JSON: for each reader the ids, sorted, with
repetitions.
"""

import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from deltalake import DeltaTable, QueryBuilder
from minio import Minio


def by_delta_rs(bucket: str, key: str) -> list[int]:
    """As the Rust implementation reads the table, from the store itself."""
    table = DeltaTable(f"s3://{bucket}/{key}")
    batches = QueryBuilder().register("rows", table).execute("SELECT row_id FROM rows ORDER BY 1")
    return [int(row) for row in batches.read_all()["row_id"].to_pylist()]


def by_duckdb(bucket: str, key: str) -> list[int]:
    """As DuckDB reads a copy of the table's objects: its own S3 client is not among our packages."""
    spec = find_spec("duckdb_extension_delta")
    assert spec is not None
    assert spec.origin is not None
    extension = next(Path(spec.origin).parent.rglob("delta.duckdb_extension"))
    with tempfile.TemporaryDirectory() as folder:
        copy(bucket, key, Path(folder))
        with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as connection:
            connection.execute(f"LOAD '{extension}'")
            rows = connection.execute(
                f"SELECT row_id FROM delta_scan('{folder}') ORDER BY 1"
            ).fetchall()
    return [int(row[0]) for row in rows]


def copy(bucket: str, key: str, folder: Path) -> None:
    """Every object below a key, into a folder."""
    client = Minio(
        urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc,
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region=os.environ["AWS_REGION"],
        secure=False,
    )
    for found in client.list_objects(bucket, f"{key}/", recursive=True):
        name = found.object_name or ""
        client.fget_object(bucket, name, str(folder / name.removeprefix(f"{key}/")))


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps({"delta-rs": by_delta_rs(*sys.argv[1:]), "duckdb": by_duckdb(*sys.argv[1:])})
    )
