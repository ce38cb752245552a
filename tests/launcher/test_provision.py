"""`headrace provision` against a real MinIO server."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from minio.commonconfig import ENABLED
from minio.error import MinioAdminException
from minio.versioningconfig import VersioningConfig

from headrace_launcher.errors import (
    ObjectStoreRefused,
    ObjectStoreUnavailable,
    SettingInvalid,
    SettingMissing,
)
from headrace_launcher.object_store.endpoint import Endpoint, Keys, Location, Store
from headrace_launcher.object_store.provision import (
    Login,
    asked_for,
    policy_text,
    provision,
)
from headrace_launcher.services.settings import Settings
from tests.fault_proxy import FaultProxy, slow_down
from tests.launcher.stores import Place, encrypting_store, headrace, own_keys, refusal
from tests.object_store import ObjectStore, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with encrypting_store(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def place(server: ObjectStore) -> Place:
    """A deployment of its own: bucket and account that no other test has."""
    return Place(server, f"headrace-{secrets.token_hex(4)}", own_keys())


@pytest.fixture
def ready(place: Place) -> Place:
    place.provision()
    return place


def test_everything_is_made_once_and_then_left_as_it_is(place: Place):
    told = place.provision()
    assert [state for state, _ in told] == ["made"] * 5
    account = json.loads(place.admin().user_info(place.keys.access_key))
    again = place.provision()
    assert again == [("present", what) for _, what in told]
    assert json.loads(place.admin().user_info(place.keys.access_key)) == account
    assert place.objects() == ["lake/spark-events/"]


def test_objects_are_encrypted_by_default(ready: Place):
    s3 = ready.client()
    s3.put_object(Bucket=ready.bucket, Key="lake/one", Body=b"1")
    assert s3.head_object(Bucket=ready.bucket, Key="lake/one")["ServerSideEncryption"] == "AES256"


def test_the_account_may_do_what_jobs_do(ready: Place):
    s3 = ready.client()
    for key in ("lake/tables/t/one", "landing/one"):
        target = {"Bucket": ready.bucket, "Key": key}
        s3.put_object(**target, Body=b"1", IfNoneMatch="*")
        assert s3.get_object(**target)["Body"].read() == b"1"
        upload = s3.create_multipart_upload(**target)["UploadId"]
        s3.upload_part(**target, UploadId=upload, PartNumber=1, Body=b"2")
        assert len(s3.list_parts(**target, UploadId=upload)["Parts"]) == 1
        assert s3.list_multipart_uploads(Bucket=ready.bucket, Prefix=key)["Uploads"]
        s3.abort_multipart_upload(**target, UploadId=upload)
        s3.delete_object(**target)
    # Readers ask for what may not be there, the lake itself among it: 404, not 403.
    for key in ("lake", "landing", "lake/tables/none"):
        assert refusal(lambda key=key: s3.head_object(Bucket=ready.bucket, Key=key)) == "404"


def test_the_account_may_do_nothing_else(ready: Place):
    root, s3 = ready.client(ready.root), ready.client()
    other = f"other-{secrets.token_hex(4)}"
    root.create_bucket(Bucket=other)
    root.put_object(Bucket=other, Key="one", Body=b"1")
    root.put_object(Bucket=ready.bucket, Key="lakeside", Body=b"1")
    bucket = {"Bucket": ready.bucket}
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    refused = {
        "list another bucket": lambda: s3.list_objects_v2(Bucket=other),
        "read another bucket": lambda: s3.get_object(Bucket=other, Key="one"),
        "write another bucket": lambda: s3.put_object(Bucket=other, Key="lake/two", Body=b"2"),
        "read beside the lake": lambda: s3.get_object(**bucket, Key="lakeside"),
        "write beside the lake": lambda: s3.put_object(**bucket, Key="lakeside", Body=b"2"),
        "delete beside the lake": lambda: s3.delete_object(**bucket, Key="lakeside"),
        "upload beside the lake": lambda: s3.create_multipart_upload(**bucket, Key="lakes"),
        "make a bucket": lambda: s3.create_bucket(Bucket=f"{other}-2"),
        "delete the bucket": lambda: s3.delete_bucket(**bucket),
        "set its policy": lambda: s3.put_bucket_policy(**bucket, Policy=policy),
        "delete its encryption": lambda: s3.delete_bucket_encryption(**bucket),
        "set its versioning": lambda: s3.put_bucket_versioning(
            **bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
        "set its lifecycle": lambda: s3.delete_bucket_lifecycle(**bucket),
    }
    answers = {what: refusal(ask) for what, ask in refused.items()}
    assert answers == dict.fromkeys(refused, "AccessDenied")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == [ready.bucket]
    assert root.get_object(**bucket, Key="lakeside")["Body"].read() == b"1"


def test_the_account_can_make_no_further_keys(ready: Place):
    jobs = ready.admin(ready.keys)
    attempts: list[Callable[[], object]] = [
        lambda: jobs.add_service_account(access_key="further-keys", secret_key="further-secret"),
        lambda: jobs.user_add(ready.keys.access_key, "another-secret"),
        lambda: jobs.user_add("another-user", "another-secret"),
        jobs.policy_list,
    ]
    for attempt in attempts:
        with pytest.raises(MinioAdminException, match="AccessDenied"):
            attempt()
    assert ready.client().list_objects_v2(Bucket=ready.bucket)["KeyCount"] == 1


def test_a_changed_secret_replaces_the_former_one(ready: Place):
    changed = replace(ready, keys=Keys(ready.keys.access_key, secrets.token_hex(16)))
    assert ("made", "account of the jobs") in changed.provision()
    assert changed.client().list_objects_v2(Bucket=ready.bucket)["KeyCount"] == 1
    assert (
        refusal(lambda: ready.client().list_objects_v2(Bucket=ready.bucket))
        == "SignatureDoesNotMatch"
    )


def test_a_disabled_account_is_enabled_again(ready: Place):
    ready.admin().user_disable(ready.keys.access_key)
    assert ("made", "account of the jobs") in ready.provision()
    assert ready.client().list_objects_v2(Bucket=ready.bucket)["KeyCount"] == 1


def test_former_accounts_are_told_of(ready: Place):
    changed = replace(ready, keys=own_keys())
    notes = [what for state, what in changed.provision() if state == "note"]
    assert len(notes) == 1
    assert "1 other account has it" in notes[0]


def test_a_policy_that_was_widened_is_put_right(ready: Place):
    name = f"headrace-jobs-{ready.bucket}-lake"
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
    ready.admin().policy_add(name, policy={"Version": "2012-10-17", "Statement": [everything]})
    assert ("made", f"policy {name}") in ready.provision()
    answer = refusal(lambda: ready.client().put_object(Bucket=ready.bucket, Key="other", Body=b""))
    assert answer == "AccessDenied"


def test_another_policy_of_the_account_is_replaced(ready: Place):
    ready.admin().policy_set("readwrite", user=ready.keys.access_key)
    assert ("made", "account of the jobs") in ready.provision()
    told = json.loads(ready.admin().user_info(ready.keys.access_key))
    assert told["policyName"] == f"headrace-jobs-{ready.bucket}-lake"


def test_lakes_of_one_store_keep_apart(server: ObjectStore, ready: Place):
    other = Place(server, ready.bucket, own_keys(), lake="lake2")
    other.provision()
    assert ("present", "account of the jobs") in ready.provision()
    answer = refusal(
        lambda: other.client().get_object(Bucket=ready.bucket, Key="lake/spark-events/")
    )
    assert answer == "AccessDenied"


def test_versioning_is_neither_turned_on_nor_off(ready: Place):
    assert ready.server.client.get_bucket_versioning(ready.bucket).status != ENABLED
    ready.server.client.set_bucket_versioning(ready.bucket, VersioningConfig(ENABLED))
    notes = [what for state, what in ready.provision() if state == "note"]
    assert notes == [f"versioning of {ready.bucket} is on: old versions keep what erasures delete"]
    assert ready.server.client.get_bucket_versioning(ready.bucket).status == ENABLED


def test_a_store_without_encryption_is_provisioned_all_the_same(tmp_path: Path):
    with ObjectStore(tmp_path) as server:
        told = Place(server, "headrace").provision()
    assert [what for state, what in told if state == "note"] == [
        "encryption of headrace: the server has no key for it (MINIO_KMS_SECRET_KEY)"
    ]
    assert ("made", "account of the jobs") in told


def test_provisioning_waits_for_a_store_that_starts(place: Place):
    with FaultProxy(place.server.endpoint) as proxy:
        starting = proxy.on(r"^GET /$", slow_down, times=2)
        login = Login(root=place.root, jobs=place.keys)
        store = replace(place.store, endpoint=Endpoint(proxy.endpoint))
        provision(store, login, lambda *_: None)
    assert starting.seen == 2
    assert place.objects() == ["lake/spark-events/"]


def test_provisioning_gives_up_on_a_store_that_does_not_start(place: Place):
    nobody = f"http://127.0.0.1:{free_port()}"
    store = replace(place.store, endpoint=Endpoint(nobody))
    with pytest.raises(ObjectStoreUnavailable, match=nobody):
        provision(store, Login(place.root, place.keys), lambda *_: None, ready_seconds=0)


def test_a_wrong_root_login_is_told_without_its_secret(place: Place):
    login = Login(Keys(place.root.access_key, "not-the-root-password"), place.keys)
    with pytest.raises(ObjectStoreRefused, match="SignatureDoesNotMatch") as raised:
        provision(place.store, login, lambda *_: None)
    assert "HEADRACE_S3_ROOT_USER" in raised.value.message
    assert "not-the-root-password" not in repr(raised.value)


def test_an_account_that_the_server_refuses_is_told(place: Place):
    short = replace(place, keys=Keys("ab", "long-enough-secret"))
    with pytest.raises(ObjectStoreRefused, match="access key length"):
        short.provision()


def test_without_a_root_login_the_policy_is_printed(place: Place, tmp_path: Path):
    # As with another store's own administrator: no account is made.
    owner = replace(place, keys=place.root)
    answer = headrace(tmp_path, owner.environment, "provision")
    assert answer.returncode == 0, answer.stderr
    assert f"made     bucket {place.bucket}" in answer.stdout
    policy = json.loads(answer.stdout[answer.stdout.index("{") :])
    assert resources(policy)[0] == f"arn:aws:s3:::{place.bucket}"
    assert place.objects() == ["lake/spark-events/"]


def test_command_makes_the_account_and_prints_no_secret(place: Place, tmp_path: Path):
    answer = headrace(tmp_path, {**place.environment, **place.root_environment}, "provision")
    assert answer.returncode == 0, answer.stderr
    assert "made     account of the jobs" in answer.stdout
    for secret in (*vars(place.keys).values(), *vars(place.root).values()):
        assert secret not in answer.stdout + answer.stderr
    assert place.client().list_objects_v2(Bucket=place.bucket)["KeyCount"] == 1


AWS = {
    "HEADRACE_LAKE": "s3a://company-lake/headrace/lake",
    "HEADRACE_LANDING": "s3a://drop",
    "HEADRACE_S3_ROOT_USER": "ignored",
    "HEADRACE_S3_ROOT_PASSWORD": "ignored",
}


def test_the_policy_for_aws_is_printed_without_asking_anybody(tmp_path: Path):
    answer = headrace(tmp_path, {**AWS, "AWS_ENDPOINT_URL": ""}, "provision", "--print-policy")
    assert answer.returncode == 0, answer.stderr
    policy = json.loads(answer.stdout)
    assert resources(policy) == [
        "arn:aws:s3:::company-lake",
        "arn:aws:s3:::drop",
        "arn:aws:s3:::company-lake/headrace/lake",
        "arn:aws:s3:::company-lake/headrace/lake/*",
        "arn:aws:s3:::drop/*",
    ]
    actions = [action for one in policy["Statement"] for action in one["Action"]]
    assert all(action.startswith("s3:") for action in actions)
    assert {one["Effect"] for one in policy["Statement"]} == {"Allow"}


def test_aws_is_known_by_its_url():
    url = "https://s3.cn-north-1.amazonaws.com.cn"
    environment = {**AWS, "AWS_REGION": "cn-north-1", "AWS_ENDPOINT_URL": url}
    store, login = asked_for(Settings.from_environment(environment), environment)
    assert login.root is None
    assert resources(json.loads(policy_text(store, login)))[0] == "arn:aws-cn:s3:::company-lake"


def test_a_lake_on_disk_needs_no_store(tmp_path: Path):
    answer = headrace(tmp_path, {}, "provision")
    assert answer.returncode == 0, answer.stderr
    assert "there is no object store" in answer.stdout


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY"),
        ({"HEADRACE_S3_ROOT_PASSWORD": "p"}, "HEADRACE_S3_ROOT_USER"),
        ({"HEADRACE_S3_ROOT_USER": "u", "HEADRACE_S3_ROOT_PASSWORD": "p"}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_half_a_login_is_refused(given: Mapping[str, str], missing: str):
    environment = {"AWS_ENDPOINT_URL": "http://store:9000", **given}
    with pytest.raises(SettingMissing, match=missing):
        asked_for(Settings.from_environment(environment), environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADRACE_LAKE", "s3://bucket/lake"),
        ("HEADRACE_LAKE", "s3a:///lake"),
        ("HEADRACE_LANDING", "gs://bucket/lake"),
        ("AWS_ENDPOINT_URL", "minio:9000"),
        ("AWS_ENDPOINT_URL", "http://minio:9000/path"),
        ("AWS_ENDPOINT_URL", "http://user:password@minio:9000"),
    ],
)
def test_a_setting_that_names_no_place_is_refused(name: str, value: str):
    environment = {name: value}
    with pytest.raises(SettingInvalid, match=name) as raised:
        Store.from_environment(Settings.from_environment(environment), environment)
    assert "password" not in repr(raised.value)


def test_keys_lie_below_the_prefix():
    lake = Location.of("HEADRACE_LAKE", "s3a://bucket/some/lake/")
    assert lake == Location("bucket", "some/lake")
    assert lake.key("a", "b") == "some/lake/a/b"
    assert Location("bucket", "").key("a") == "a"
    assert Location.of("HEADRACE_LAKE", "file:///lake") is None


def resources(policy: Mapping[str, Any]) -> list[str]:
    return [resource for one in policy["Statement"] for resource in one["Resource"]]
