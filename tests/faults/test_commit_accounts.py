"""Commits to S3 by a Spark that has the account of its stage, and by one that has another's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace_schemas.accounts import Account, job_account
from headrace_schemas.wire.spark_settings import LOG_STORE
from tests.faults.writers import writers
from tests.launcher.stores import Place, write_keys
from tests.object_store import ObjectStore

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PROJECT = Path(__file__).parents[2]
BUCKET, KEY = "headrace", "lake/tables/gold/rows"
COMMITS = 12
"""Enough for a checkpoint."""


def test_a_table_is_written_whole_under_publish_and_not_at_all_under_ingest(tmp_path: Path) -> None:
    with ObjectStore(tmp_path / "store") as server:
        place = Place(server, BUCKET, stages=write_keys(tmp_path / "keys"))
        place.provision()
        jobs = [
            place.environment | job_account(account, place.environment)
            for account in (Account.PUBLISH, Account.INGEST)
        ]
        with writers(tmp_path, f"s3a://{BUCKET}/{KEY}", LOG_STORE, jobs) as (publish, load):
            answers = [publish.write(row) for row in range(COMMITS - 1)]
            refused = load.write(1_000)
            answers.append(publish.write(COMMITS - 1))
        assert answers == [None] * COMMITS
        assert refused is not None
        assert "Access Denied" in (tmp_path / "writer-1.log").read_text()
        log = {
            name.rpartition("/")[2]
            for name in place.objects()
            if name.startswith(f"{KEY}/_delta_log/")
        }
        for version in range(COMMITS):
            assert {f"{version:020}.json", f"{version:020}.crc"} <= log
        assert f"{10:020}.checkpoint.parquet" in log
        assert [name for name in log if name.endswith(".tmp")] == []
        reader = place.keys_of(Account.AIRFLOW)
        keys = {
            "AWS_ACCESS_KEY_ID": reader.access_key,
            "AWS_SECRET_ACCESS_KEY": reader.secret_key,
        }
        ended = subprocess.run(
            [sys.executable, "-m", "tests.faults.read_rows", BUCKET, KEY],
            env={**os.environ, **place.environment, **keys},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        expected = list(range(COMMITS))
        assert json.loads(ended.stdout) == {"delta-rs": expected, "duckdb": expected}
