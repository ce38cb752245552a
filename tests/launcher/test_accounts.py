"""What each account of the object store may do, on a real MinIO server.

The table is written by hand: a change of the rights is to show here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from minio.error import MinioAdminException

from headrace_schemas.accounts import RIGHTS, Account
from tests.launcher.stores import Place, encrypting_store, refusal, write_keys

ACCOUNTS = ("deliver", "ingest", "publish", "learn", "maintain", "airflow")

# r: read; w: write, which on S3 is to overwrite as well; d: delete
MAY = {
    #                       deliver  ingest  publish  learn  maintain  airflow
    "landing": ("rw", "r", "r", "", "", "r"),
    "lake/tables/gold/t": ("", "r", "rw", "r", "rd", "r"),
    "lake/quarantine/t": ("", "r", "rw", "r", "rd", "r"),
    "lake/predictions/m": ("", "r", "rw", "r", "rd", "r"),
    "lake/monitoring/m": ("", "r", "rw", "r", "rd", "r"),
    "lake/sketches/m": ("", "r", "rw", "r", "rd", "r"),
    "lake/ledger": ("", "r", "rw", "rw", "rd", "r"),
    "lake/ledger/decisions": ("", "r", "rw", "rw", "rd", "r"),
    "lake/ledger/digests": ("", "r", "rw", "rw", "rd", "rw"),
    "lake/ledger/holds": ("", "r", "rw", "rw", "rd", "rw"),
    "lake/staging/t": ("", "rwd", "rwd", "r", "rwd", "r"),
    "lake/gates/t": ("", "rw", "rw", "r", "rd", "r"),
    "lake/spark-events": ("", "rwd", "rwd", "rwd", "r", "r"),
    "lake/mlflow/1": ("", "r", "r", "rw", "r", "r"),
    "lake/logs/dag": ("", "r", "r", "r", "r", "rw"),
    "lake/doctor/run": ("", "r", "r", "r", "rwd", "r"),
    "lake": ("", "r", "r", "r", "r", "r"),
    "lake/tables-beside": ("", "r", "r", "r", "r", "r"),
    "lakeside": ("", "", "", "", "", ""),
    "": ("", "", "", "", "", ""),
}

RIGHT = {"get": "r", "put": "w", "overwrite": "w", "delete": "d"}

HERE, MINE = b"what was there", b"what the account wrote"  # of different sizes


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("accounts")
    with encrypting_store(folder) as server:
        place = Place(server, "headrace", stages=write_keys(folder / "keys"))
        place.provision()
        yield place


@pytest.fixture(scope="module")
def clients(place: Place) -> Mapping[str, Any]:
    """A client of each account, and root's own."""
    session = boto3.Session()  # reads once what S3 can do
    keys = {one.value: place.keys_of(one) for one in Account} | {"root": place.root}
    return {name: place.store.endpoint.client(one, session) for name, one in keys.items()}


def sizes(place: Place, clients: Mapping[str, Any], folder: str) -> dict[str, int]:
    """The objects of a folder, as root sees them."""
    found = clients["root"].list_objects_v2(Bucket=place.bucket, Prefix=folder, Delimiter="/")
    listed = {one["Key"].removeprefix(folder): one["Size"] for one in found.get("Contents", ())}
    return {name: size for name, size in listed.items() if name}


def test_the_table_knows_all_accounts_and_areas():
    assert tuple(Account) == ACCOUNTS
    areas = {area for one in RIGHTS.values() for area in (*one.writes, *one.removes)}
    assert [
        one for one in areas if not any(f"{key}/".startswith(f"lake/{one}/") for key in MAY)
    ] == []


@pytest.mark.parametrize("area", MAY)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_does_its_stage_s_work_and_no_other(
    place: Place, clients: Mapping[str, Any], account: str, area: str
):
    s3, folder = clients[account], f"{area}/" if area else ""
    new, there = f"new-by-{account}.json", f"there-for-{account}.json"
    at_new = {"Bucket": place.bucket, "Key": f"{folder}{new}"}
    at_there = {"Bucket": place.bucket, "Key": f"{folder}{there}"}
    clients["root"].put_object(**at_there, Body=HERE)
    found = sizes(place, clients, folder)
    requests: Mapping[str, tuple[Callable[[], Any], dict[str, int]]] = {
        "get": (lambda: s3.get_object(**at_there)["Body"].read(), {}),
        "put": (lambda: s3.put_object(**at_new, Body=MINE), {new: len(MINE)}),
        "overwrite": (lambda: s3.put_object(**at_there, Body=MINE), {there: len(MINE)}),
        "delete": (lambda: s3.delete_object(**at_there), {there: 0}),
    }
    for word, (request, changed) in requests.items():
        if RIGHT[word] in MAY[area][ACCOUNTS.index(account)]:
            request()
            found = {name: size for name, size in (found | changed).items() if size}
        else:
            assert refusal(request) == "AccessDenied", word
        assert sizes(place, clients, folder) == found, word


@pytest.mark.parametrize("account", [one for one in ACCOUNTS if one != "deliver"])
def test_an_object_that_is_not_there_is_said_to_be_missing(
    place: Place, clients: Mapping[str, Any], account: str
):
    """Readers of Delta ask for such objects, the lake itself among it, and understand 404 only."""
    for key in ("lake", "lake/tables/none", "lake/tables/t/_delta_log/_last_checkpoint"):
        request = {"Bucket": place.bucket, "Key": key}
        assert refusal(lambda at=request: clients[account].head_object(**at)) == "404"


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_account_changes_a_bucket_or_makes_keys(
    place: Place, clients: Mapping[str, Any], account: str
):
    s3, bucket = clients[account], {"Bucket": place.bucket}
    attempts: dict[str, Callable[[], Any]] = {
        "make a bucket": lambda: s3.create_bucket(Bucket=f"{place.bucket}-2"),
        "delete the bucket": lambda: s3.delete_bucket(**bucket),
        "open it": lambda: s3.put_bucket_policy(**bucket, Policy='{"Statement": []}'),
        "delete its encryption": lambda: s3.delete_bucket_encryption(**bucket),
        "keep versions": lambda: s3.put_bucket_versioning(
            **bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
        "let objects expire": lambda: s3.delete_bucket_lifecycle(**bucket),
    }
    answers = {what: refusal(ask) for what, ask in attempts.items()}
    assert answers == dict.fromkeys(attempts, "AccessDenied")
    own = place.admin(place.keys_of(Account(account)))
    with pytest.raises(MinioAdminException, match="AccessDenied"):
        own.add_service_account(access_key=f"{account}-again", secret_key="further-secret")


@pytest.mark.parametrize("name", [".3.crc.one.tmp", "3.json", "3.json.tmp", "3.crc"])
@pytest.mark.parametrize(
    ("table", "committers"),
    [
        ("lake/tables/t", {"publish"}),
        ("lake/ledger/decisions", {"publish", "learn"}),
        ("lake/ledger/holds", {"publish", "learn"}),
        ("lake/mlflow", set()),
    ],
)
def test_who_commits_removes_drafts_and_nothing_else_of_a_log(
    place: Place, clients: Mapping[str, Any], table: str, committers: set[str], name: str
):
    """Spark renames a checksum's draft: a copy and a removal."""
    target = {"Bucket": place.bucket, "Key": f"{table}/_delta_log/{name}"}
    may = committers if name.startswith(".") else set()
    may = may | ({"maintain"} if table != "lake/mlflow" else set())
    for account in ACCOUNTS:
        s3 = clients[account]
        if account in may:
            s3.delete_object(**target)
        else:
            assert refusal(lambda s3=s3: s3.delete_object(**target)) == "AccessDenied"


@pytest.mark.parametrize(
    ("area", "allowed"),
    [
        ("lake/tables", {"publish", "maintain"}),
        ("lake/gates", {"ingest", "publish", "maintain"}),
        ("lake/mlflow", {"learn"}),
        ("lake", set()),
    ],
)
def test_who_removes_may_leave_an_empty_folder(
    place: Place, clients: Mapping[str, Any], area: str, allowed: set[str]
):
    """Arrow puts an empty object in the place of a folder out of which it has removed something."""
    for account in ACCOUNTS:
        s3, folder = clients[account], f"{area}/{account}/"
        if account in allowed:
            s3.put_object(Bucket=place.bucket, Key=folder, Body=b"")
        else:
            answer = refusal(lambda s3=s3, key=folder: s3.put_object(Bucket=place.bucket, Key=key))
            assert answer == "AccessDenied"
