"""Looking for secrets where none may be."""

import io
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow

from headrace_launcher.services.compose import MADE
from headrace_schemas.accounts import read_keys
from tests.cluster.native import Native, postgres_programs

SHORTEST = 12


def planted(folder: Path) -> dict[str, bytes]:
    """Every secret of the deployment, by the name of its file."""
    found: dict[str, str] = {}
    for file in folder.iterdir():
        if file.name.startswith("s3_") and "root" not in file.name:
            keys = read_keys(file)
            assert keys
            found[file.name], found[f"{file.name} secret"] = keys
        else:
            # The part after the name is the key itself.
            found[file.name] = file.read_text().rpartition(":")[2]
    assert len(found) > len(MADE)
    assert all(len(value) >= SHORTEST for value in found.values())
    return {name: value.encode() for name, value in found.items()}


def found_in(secrets: Mapping[str, bytes], content: bytes) -> list[str]:
    """Names of the secrets that a text holds."""
    return [name for name, value in secrets.items() if value in content]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, unpacked where Spark packs it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".zstd":
                with pyarrow.CompressedInputStream(io.BytesIO(content), "zstd") as stream:
                    content = stream.read()
            yield str(path.relative_to(folder)), content


def database(native: Native) -> bytes:
    """All that Airflow keeps: runs, rendered fields, XComs, connections, audit log."""
    environment = {**os.environ, "PGPASSWORD": native.secret("airflow_db_password")}
    done = subprocess.run(
        [
            postgres_programs() / "pg_dump",
            "--host",
            native.address("postgres"),
            "--username",
            "airflow",
            "--dbname",
            "airflow",
            "--inserts",
        ],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
