"""Two producers that end at the same moment start their consumer once."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.native import Native, postgres_programs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TIMES = 200
CONSUMERS = 2

OWN, AIRFLOWS = (
    "headrace_airflow.engine.asset_manager.AssetManager",
    "airflow.assets.manager.AssetManager",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Native]:
    """The compose file's database alone."""
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        Path(folder).chmod(0o711)  # the database's own user passes through
        native = Native.prepare(Path(folder) / "c", {})
        try:
            native.up(only={"postgres"})
            yield native
        finally:
            native.down()


def notes(postgres: Native, folder: Path, manager: str, database: str) -> dict[str, int]:
    """Number of notes → how many consumers and partitions have so many."""
    address = f"postgresql+psycopg2://postgres@{postgres.address('postgres')}:5432"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")},
        "PGPASSWORD": postgres.secret("postgres_password"),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{address}/{database}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "race_dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__ASSET_MANAGER_CLASS": manager,
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    airflow, made = str(Path(sys.executable).with_name("airflow")), f"CREATE DATABASE {database}"
    run(
        str(postgres_programs() / "psql"),
        "-h",
        postgres.address("postgres"),
        "-U",
        "postgres",
        "-c",
        made,
    )
    run(airflow, "db", "migrate")
    run(airflow, "dags", "reserialize")
    told = run(sys.executable, "-m", "tests.cluster.race", str(TIMES))
    found: dict[str, int] = json.loads(told.splitlines()[-1])
    return found


def test_airflow_itself_notes_some_partitions_twice(postgres: Native, tmp_path: Path) -> None:
    assert notes(postgres, tmp_path, AIRFLOWS, "theirs")["2"] > 0


def test_each_partition_is_noted_once(postgres: Native, tmp_path: Path) -> None:
    assert notes(postgres, tmp_path, OWN, "ours") == {"1": TIMES * CONSUMERS}
