"""What somebody does who has got hold of a loading job, on a real MinIO server."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from headrace_launcher.object_store.endpoint import Keys
from headrace_schemas.accounts import Account, job_account
from tests.launcher.stores import Place, encrypting_store, own_keys, refusal, write_keys
from tests.object_store import REGION, ObjectStore

MODEL = "lake/mlflow/1/model.ubj"
TABLES = ("tables/gold/t", "ledger/decisions")
FORGED = b"what the attacker likes"


@dataclass(frozen=True)
class Lake:
    """Two tables and a model, with an account for each stage or one for all."""

    place: Place

    def keys(self, account: Account) -> Keys:
        return self.place.keys if self.place.stages is None else self.place.keys_of(account)

    def options(self, keys: Keys) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_ENDPOINT_URL": self.place.server.endpoint,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
        }

    def uri(self, table: str) -> str:
        return f"s3a://{self.place.bucket}/lake/{table}"

    def append(self, table: str, account: Account, number: int) -> None:
        rows = Table.from_pydict({"n": Array([number], DataType.int64())})
        write_deltalake(
            self.uri(table), rows, mode="append", storage_options=self.options(self.keys(account))
        )

    def table(self, table: str, keys: Keys) -> DeltaTable:
        return DeltaTable(self.uri(table), storage_options=self.options(keys))

    def read(self, table: str, keys: Keys) -> list[int]:
        opened = self.table(table, keys)
        rows = QueryBuilder().register("t", opened).execute("SELECT n FROM t ORDER BY n").read_all()
        return [int(n.as_py()) for n in rows.column("n")]

    def loading_job(self) -> Any:
        """A client with the keys that a job `load` has in its environment."""
        environ = {**self.place.environment, **job_account(Account.INGEST, self.place.environment)}
        keys = Keys(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
        return self.place.client(keys)

    def digests(self) -> dict[str, str]:
        """Every object of the lake, as root reads it."""
        root, found = self.place.client(self.place.root), {}
        for name in self.place.objects():
            body = root.get_object(Bucket=self.place.bucket, Key=name)["Body"].read()
            found[name] = hashlib.sha256(body).hexdigest()
        return found

    def key(self, table: str, end: str) -> str:
        """The first object of a table whose name ends so."""
        names = self.place.objects()
        return next(one for one in names if one.startswith(f"lake/{table}/") and one.endswith(end))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with encrypting_store(tmp_path_factory.mktemp("store")) as server:
        yield server


def written(place: Place) -> Lake:
    place.provision()
    lake = Lake(place)
    for number in (1, 2):
        lake.append("tables/gold/t", Account.PUBLISH, number)
        lake.append("ledger/decisions", Account.LEARN, number)
    learn = place.client(lake.keys(Account.LEARN))
    learn.put_object(Bucket=place.bucket, Key=MODEL, Body=b"a booster")
    return lake


@pytest.fixture(scope="module")
def lake(server: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return written(Place(server, "headrace", stages=write_keys(tmp_path_factory.mktemp("keys"))))


def targets(lake: Lake) -> dict[str, str]:
    return {
        "a table's rows": lake.key("tables/gold/t", ".parquet"),
        "a table's history": lake.key("tables/gold/t", f"{0:020}.json"),
        "the ledger": lake.key("ledger/decisions", f"{1:020}.json"),
        "a model": MODEL,
    }


def test_a_loading_job_rewrites_everything_when_one_account_does_all(server: ObjectStore):
    lake = written(Place(server, "headrace-one", own_keys()))
    assert lake.read("ledger/decisions", lake.place.root) == [1, 2]
    s3 = lake.loading_job()
    for key in targets(lake).values():
        s3.put_object(Bucket=lake.place.bucket, Key=key, Body=FORGED)
    forged = hashlib.sha256(FORGED).hexdigest()
    digests = lake.digests()
    assert [digests[key] for key in targets(lake).values()] == [forged] * 4
    for table in TABLES:
        with pytest.raises(Exception, match=r"(?i)json|parquet"):
            lake.read(table, lake.place.root)


@pytest.mark.parametrize("what", ["a table's rows", "a table's history", "the ledger", "a model"])
def test_a_loading_job_changes_nothing_of_others_when_each_stage_has_its_account(
    lake: Lake, what: str
):
    before, s3, bucket = lake.digests(), lake.loading_job(), lake.place.bucket
    key = targets(lake)[what]
    target, staged = {"Bucket": bucket, "Key": key}, {"Bucket": bucket, "Key": "lake/staging/x"}
    s3.put_object(**staged, Body=FORGED)
    attempts: dict[str, Callable[[], Any]] = {
        "overwrite": lambda: s3.put_object(**target, Body=FORGED),
        "overwrite in parts": lambda: s3.create_multipart_upload(**target),
        "copy over it": lambda: s3.copy_object(**target, CopySource=staged),
        "delete": lambda: s3.delete_object(**target),
        "add beside it": lambda: s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=FORGED),
        "tag": lambda: s3.put_object_tagging(**target, Tagging={"TagSet": []}),
    }
    answers = {how: refusal(ask) for how, ask in attempts.items()}
    assert answers == dict.fromkeys(attempts, "AccessDenied")
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [one["Code"] for one in deleted["Errors"]] == ["AccessDenied"]
    s3.delete_object(**staged)
    assert lake.digests() == before
    assert [lake.read(table, lake.place.root) for table in TABLES] == [[1, 2]] * 2


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("lake/tables/gold/t", "new.json"),
        ("lake/staging", "../tables/gold/t/new.json"),
        ("", "new"),
    ],
)
def test_a_loading_job_unpacks_no_archive_elsewhere(lake: Lake, prefix: str, name: str):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(FORGED)
        tar.addfile(entry, io.BytesIO(FORGED))
    before, s3 = lake.digests(), lake.loading_job()
    unpacked = {"Snowball-Auto-Extract": "true", "Minio-Snowball-Prefix": prefix}
    answer = refusal(
        lambda: s3.put_object(
            Bucket=lake.place.bucket,
            Key="lake/staging/x.tar",
            Body=archive.getvalue(),
            Metadata=unpacked,
        )
    )
    assert answer == "AccessDenied"
    assert lake.digests() == before


def test_a_loading_job_sends_no_form_elsewhere(lake: Lake):
    before, s3 = lake.digests(), lake.loading_job()
    form = s3.generate_presigned_post(lake.place.bucket, targets(lake)["a table's rows"])
    answer = httpx.post(form["url"], data=form["fields"], files={"file": FORGED})
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert lake.digests() == before


def test_tables_are_read_by_accounts_that_do_not_write_them(lake: Lake):
    for account in (Account.INGEST, Account.MAINTAIN, Account.AIRFLOW):
        for table in TABLES:
            assert lake.read(table, lake.keys(account)) == [1, 2]
    with pytest.raises(Exception, match=r"(?i)denied|forbidden"):
        lake.append("tables/gold/t", Account.INGEST, 3)
    with pytest.raises(Exception, match=r"(?i)denied|forbidden"):
        lake.read("tables/gold/t", lake.keys(Account.DELIVER))


def test_what_is_published_is_removed_by_maintenance_alone(lake: Lake):
    name = "tables/gold/old"
    for number in (1, 2):
        lake.append(name, Account.PUBLISH, number)
    publish = lake.table(name, lake.keys(Account.PUBLISH))
    publish.delete("n = 1")
    data = {one for one in lake.place.objects() if one.endswith(".parquet") and name in one}
    with pytest.raises(OSError, match=r"(?i)access\s*denied"):
        publish.vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert data < set(lake.place.objects())
    maintain = lake.keys(Account.MAINTAIN)
    old = lake.table(name, maintain).vacuum(0, enforce_retention_duration=False)
    assert len(old) == 1
    s3 = lake.place.client(maintain)
    s3.delete_object(Bucket=lake.place.bucket, Key=f"lake/{name}/{old[0]}")
    assert data - set(lake.place.objects()) == {f"lake/{name}/{old[0]}"}
    assert lake.read(name, lake.place.root) == [2]
