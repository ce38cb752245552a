"""Which account of the object store a job has, and how it gets its keys."""

from pathlib import Path

import pytest

from headrace_schemas.accounts import RIGHTS, Account, job_account, keys_text, read_keys
from headrace_schemas.errors import SecretUnreadable
from headrace_schemas.wire.jobs import JOBS
from headrace_schemas.wire.secret_files import secret


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    for one in Account:
        (tmp_path / f"s3_{one.value}").write_text(keys_text(f"key-{one}", f"secret-{one}"))
    return tmp_path


def test_nothing_changes_when_there_is_one_account_for_all() -> None:
    assert job_account(Account.PUBLISH, {"AWS_ACCESS_KEY_ID": "a"}) == {}


@pytest.mark.parametrize(
    ("job", "account"), [("load", "ingest"), ("publish", "publish"), ("train", "learn")]
)
def test_a_job_has_the_keys_of_its_account(keys: Path, job: str, account: str) -> None:
    found = job_account(JOBS.named(job).account, {"HEADRACE_S3_ACCOUNTS": str(keys)})
    assert found == {
        "AWS_ACCESS_KEY_ID": f"key-{account}",
        "AWS_SECRET_ACCESS_KEY": f"secret-{account}",
    }


def test_the_job_is_named_the_file_when_its_keys_are_missing(tmp_path: Path) -> None:
    with pytest.raises(SecretUnreadable, match=r"s3_learn cannot be read: FileNotFoundError"):
        job_account(Account.LEARN, {"HEADRACE_S3_ACCOUNTS": str(tmp_path)})


def test_what_writes_tables_asks_another_server_with_that_one_s_token() -> None:
    environ = {
        "SPARK_REMOTE": "sc://first",
        "HEADRACE_CONNECT_TOKEN": "first",
        "HEADRACE_PUBLISH_REMOTE": "sc://second",
        "HEADRACE_PUBLISH_TOKEN_FILE": "/second",
    }
    assert job_account(Account.INGEST, environ) == {}
    assert {**environ, **job_account(Account.PUBLISH, environ)} == {
        **environ,
        "SPARK_REMOTE": "sc://second",
        "HEADRACE_CONNECT_TOKEN": "",
        "HEADRACE_CONNECT_TOKEN_FILE": "/second",
    }


def test_keys_are_left_to_the_host_when_the_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "s3_ingest").write_text("\n")
    assert job_account(Account.INGEST, {"HEADRACE_S3_ACCOUNTS": str(tmp_path)}) == {}


@pytest.mark.parametrize(
    "text", ["aws_access_key_id = a", "[default]\naws_access_key_id = a\n", "\x00"]
)
def test_a_file_of_keys_is_refused_when_it_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(SecretUnreadable) as raised:
        read_keys(file)
    assert str(file) in raised.value.message


def test_only_maintenance_removes_what_was_published_and_only_publish_writes_tables() -> None:
    removes = {one for one, rights in RIGHTS.items() if "tables" in rights.removes}
    writes = {one for one, rights in RIGHTS.items() if "tables" in rights.writes}
    assert (removes, writes) == ({Account.MAINTAIN}, {Account.PUBLISH})


def test_a_secret_is_the_file_s_before_the_variable_s(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of the file\n")
    assert secret("X", {"X": "of the variable", "X_FILE": str(file)}) == "of the file"
    assert secret("X", {"X": "of the variable", "X_FILE": ""}) == "of the variable"
    assert secret("X", {"X": ""}) is None
    file.write_text("\n")
    with pytest.raises(SecretUnreadable, match="it is empty"):
        secret("X", {"X_FILE": str(file)})
