"""`headrace provision` with an account for each stage of the work, against a real MinIO server."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace_launcher.errors import SettingInvalid
from headrace_launcher.object_store.provision import asked_for, policy_text
from headrace_launcher.services.settings import Settings
from headrace_schemas.accounts import FOLDER, KEYS, Account, keys_file, keys_text
from headrace_schemas.errors import SecretUnreadable
from tests.launcher.stores import (
    Place,
    encrypting_store,
    headrace,
    own_keys,
    refusal,
    write_keys,
)
from tests.object_store import ObjectStore


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with encrypting_store(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def place(server: ObjectStore, tmp_path: Path) -> Place:
    """A deployment of its own: bucket and accounts that no other test has."""
    bucket = f"headrace-{secrets.token_hex(4)}"
    return Place(server, bucket, own_keys(), stages=write_keys(tmp_path / "keys"))


@pytest.fixture(scope="module")
def ready(server: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A deployment that tests change and provision again."""
    place = Place(server, "headrace", stages=write_keys(tmp_path_factory.mktemp("keys")))
    place.provision()
    return place


def change_keys(place: Place, account: Account, access_key: str, secret_key: str) -> None:
    assert place.stages is not None
    keys_file(place.stages, account).write_text(keys_text(access_key, secret_key))


def name(place: Place, account: str) -> str:
    return f"headrace-{account}-{place.bucket}-lake"


def test_every_account_is_made_once_and_then_left_as_it_is(place: Place):
    told = place.provision()
    made = [what for state, what in told if state == "made"]
    assert made[3:] == [
        line for one in Account for line in (f"policy {name(place, one)}", f"account {one}")
    ]
    assert place.provision() == [("present", what) for _, what in told]
    for account in Account:
        user = json.loads(place.admin().user_info(place.keys_of(account).access_key))
        assert user["policyName"] == name(place, account)
    assert place.keys.access_key not in json.dumps(place.admin().user_list())


def test_a_policy_that_was_widened_is_put_right(ready: Place):
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
    wide = {"Version": "2012-10-17", "Statement": [everything]}
    ready.admin().policy_add(name(ready, "ingest"), policy=wide)
    told = ready.provision()
    assert [what for state, what in told if state != "present"] == [
        f"policy {name(ready, 'ingest')}"
    ]
    ingest = ready.client(ready.keys_of(Account.INGEST))
    put = {"Bucket": ready.bucket, "Key": "lake/tables/one", "Body": b""}
    assert refusal(lambda: ingest.put_object(**put)) == "AccessDenied"


def test_a_changed_secret_replaces_the_former_one(ready: Place):
    former = ready.keys_of(Account.LEARN)
    change_keys(ready, Account.LEARN, former.access_key, secrets.token_hex(16))
    told = ready.provision()
    assert [what for state, what in told if state == "made"] == ["account learn"]
    target = {"Bucket": ready.bucket, "Prefix": "lake/"}
    assert ready.client(ready.keys_of(Account.LEARN)).list_objects_v2(**target)["KeyCount"] == 1
    assert (
        refusal(lambda: ready.client(former).list_objects_v2(**target)) == "SignatureDoesNotMatch"
    )


def test_former_keys_are_told_of_until_their_user_is_removed(ready: Place):
    former = ready.keys_of(Account.PUBLISH)
    change_keys(ready, Account.PUBLISH, *vars(own_keys()).values())
    (note,) = [what for state, what in ready.provision() if state == "note"]
    assert note.startswith(f"policy {name(ready, 'publish')}: 1 other account has it")
    ready.admin().user_remove(former.access_key)
    assert {state for state, _ in ready.provision()} == {"present"}


def test_the_one_account_of_before_is_told_of_until_it_is_removed(place: Place):
    replace(place, stages=None).provision()
    (note,) = [what for state, what in place.provision() if state == "note"]
    assert note.startswith(f"policy {name(place, 'jobs')}: 1 account may still do everything")
    place.admin().user_remove(place.keys.access_key)
    assert {state for state, _ in place.provision()} == {"present"}


@pytest.mark.parametrize("content", [None, "", "[default]\n"])
def test_nothing_is_made_when_keys_are_missing(place: Place, content: str | None):
    assert place.stages is not None
    file = keys_file(place.stages, Account.MAINTAIN)
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(SecretUnreadable, match=str(file)):
        place.provision()
    assert not place.server.client.bucket_exists(place.bucket)


def test_nothing_is_made_when_two_accounts_have_the_same_keys(place: Place):
    shared = place.keys_of(Account.INGEST)
    change_keys(place, Account.AIRFLOW, shared.access_key, shared.secret_key)
    with pytest.raises(SettingInvalid, match="s3_ingest and s3_airflow") as raised:
        place.provision()
    assert shared.access_key not in repr(raised.value)
    assert not place.server.client.bucket_exists(place.bucket)


@pytest.mark.parametrize(
    ("lake", "landing", "area"),
    [
        ("s3a://b/lake", "s3a://b", "s3a://b/lake/doctor"),
        ("s3a://b/lake", "s3a://b/lake", "s3a://b/lake/doctor"),
        ("s3a://b", "s3a://b/staging/in", "s3a://b/staging"),
    ],
)
def test_a_landing_area_within_the_lake_is_refused(lake: str, landing: str, area: str):
    environ = {"HEADRACE_LAKE": lake, "HEADRACE_LANDING": landing}
    store, login = asked_for(Settings.from_environment(environ), environ)
    with pytest.raises(SettingInvalid, match=f"HEADRACE_LANDING.*{area}:"):
        policy_text(store, login, Account.DELIVER)


def test_accounts_end_where_the_lake_of_another_deployment_begins(ready: Place, tmp_path: Path):
    other = Place(ready.server, ready.bucket, lake="lake2", stages=write_keys(tmp_path / "other"))
    other.provision()
    target = {"Bucket": ready.bucket, "Key": "lake/spark-events/"}
    for account in Account:
        s3 = other.client(other.keys_of(account))
        assert refusal(lambda s3=s3: s3.get_object(**target)) == "AccessDenied"


def test_command_takes_the_root_login_from_files_and_prints_no_secret(place: Place, tmp_path: Path):
    files = {"HEADRACE_S3_ROOT_USER": tmp_path / "u", "HEADRACE_S3_ROOT_PASSWORD": tmp_path / "p"}
    for variable, file in files.items():
        file.write_text(f"{place.root_environment[variable]}\n")
    environment = {
        **{one: text for one, text in place.environment.items() if one not in KEYS},
        **{f"{variable}_FILE": str(file) for variable, file in files.items()},
    }
    answer = headrace(tmp_path, environment, "provision")
    assert answer.returncode == 0, answer.stderr
    assert "made     account airflow" in answer.stdout
    keys = [place.root, *(place.keys_of(account) for account in Account)]
    for one in keys:
        assert one.secret_key not in answer.stdout + answer.stderr
        assert one.access_key not in answer.stdout + answer.stderr


AWS = {"HEADRACE_LAKE": "s3a://company/lake", "HEADRACE_LANDING": "s3a://drop", FOLDER: "/nowhere"}


def printed(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    answer = headrace(tmp_path, AWS, "provision", "--print-policy", *arguments)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_an_account_s_policy_for_aws_is_printed_before_there_are_keys(tmp_path: Path):
    policy = printed(tmp_path, "learn")
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": ["arn:aws:s3:::company", "arn:aws:s3:::drop"],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::company/lake", "arn:aws:s3:::company/lake/*"],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
            "Resource": [
                f"arn:aws:s3:::company/lake/{one}/*" for one in ("mlflow", "ledger", "spark-events")
            ],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:DeleteObject"],
            "Resource": [
                "arn:aws:s3:::company/lake/spark-events/*",
                "arn:aws:s3:::company/lake/ledger/*/_delta_log/.*.tmp",
            ],
        },
        {
            "Effect": "Deny",
            "Action": ["s3:PutObject"],
            "Resource": ["arn:aws:s3:::company/lake/*/_delta_log/*.json"],
            "Condition": {
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        },
    ]


@pytest.mark.parametrize(
    ("account", "commits"),
    [
        ("deliver", False),
        ("ingest", False),
        ("publish", True),
        ("learn", True),
        ("maintain", False),
        ("airflow", True),
    ],
)
def test_who_commits_may_replace_no_commit_on_aws(account: str, commits: bool):
    store, login = asked_for(Settings.from_environment(AWS), AWS)
    policy = json.loads(policy_text(store, login, Account(account)))
    denied = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert bool(denied) is commits


def test_minio_is_not_told_of_conditions_that_it_refuses(place: Place):
    environ: Mapping[str, str] = {**place.environment, **place.root_environment}
    store, login = asked_for(Settings.from_environment(environ), environ)
    policy = json.loads(policy_text(store, login, Account.PUBLISH))
    assert not any("Condition" in one for one in policy["Statement"])
    assert policy["Statement"][-1] == {"Effect": "Deny", "Action": ["admin:*"]}


def test_an_account_is_named_only_to_print_its_policy(tmp_path: Path):
    answer = headrace(tmp_path, AWS, "provision", "ingest")
    assert answer.returncode == 2
    assert "--print-policy" in answer.stderr
    answer = headrace(tmp_path, AWS, "provision", "--print-policy", "nobody")
    assert answer.returncode == 2
    assert "ingest" in answer.stderr


def test_without_a_root_login_whose_policies_to_attach_is_said(place: Place, tmp_path: Path):
    keys = dict(zip(KEYS, vars(place.root).values(), strict=True))
    answer = headrace(tmp_path, {**place.environment, **keys}, "provision")
    assert answer.returncode == 0, answer.stderr
    last = answer.stdout.splitlines()[-1]
    assert last.startswith("note     no account is made here")
    assert last.endswith(f"--print-policy ACCOUNT to each: {', '.join(Account)}")
