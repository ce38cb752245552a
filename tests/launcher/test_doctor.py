"""`headrace doctor` against a real MinIO, and against what other stores do wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from headrace_launcher.object_store import disk
from headrace_launcher.object_store.connection import clock, transport
from headrace_launcher.object_store.doctor import CHECKS, examine
from headrace_launcher.object_store.endpoint import Endpoint, Keys
from headrace_launcher.object_store.finding import CheckStatus
from headrace_launcher.object_store.probe import Probe
from headrace_launcher.services.settings import Settings
from tests.fault_proxy import FaultProxy, Request, slow_down
from tests.launcher.stores import (
    Examine,
    Place,
    encrypting_store,
    headrace,
    ignore_condition,
    refuse,
    refuse_unsigned,
    skewed,
    statuses,
    text,
)
from tests.object_store import ObjectStore, free_port

ALL = {check.name for check in CHECKS}
NEEDS_BUCKET = {
    "read-write",
    "path-style",
    "delta-reader",
    "conditional-put",
    "conditional-multipart",
    "unsigned-put",
    "anonymous",
    "least-privilege",
    "encryption",
    "versioning",
}
PROBES = r".*/doctor/[0-9a-f]{32}/"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with encrypting_store(tmp_path_factory.mktemp("store")) as server:
        place = Place(server, "headrace")
        place.provision()
        yield place


@pytest.fixture
def proxy(place: Place) -> Iterator[FaultProxy]:
    with FaultProxy(place.server.endpoint) as proxy:
        yield proxy


def path(request: Request) -> str:
    return request.text.split()[1].partition("?")[0]


def test_only_the_unsigned_put_is_unsafe_when_the_store_is_community_minio(
    place: Place, examined: Examine
):
    before = place.objects()
    report = examined(place)
    assert statuses(report, CheckStatus.OK) == {"unsigned-put": CheckStatus.UNSAFE}
    assert report.is_bad
    assert "CVE-2026-41145" in text(report, "unsigned-put")
    assert "CVE-2026-40344" in text(report, "unsigned-put")
    assert place.objects() == before


def test_all_is_well_when_the_store_refuses_unsigned_writes(
    place: Place, proxy: FaultProxy, examined: Examine
):
    proxy.on(r"^PUT ", refuse_unsigned)
    report = examined(place, proxy.endpoint)
    assert statuses(report, CheckStatus.OK) == {}
    assert {one.check for one in report.findings} == ALL
    assert not report.is_bad


@pytest.mark.parametrize(
    ("requests", "check"),
    [(r"^PUT [^?]*/commit$", "conditional-put"), (r"^POST .*uploadId=", "conditional-multipart")],
)
def test_an_ignored_condition_is_unsafe(
    place: Place, proxy: FaultProxy, examined: Examine, requests: str, check: str
):
    before = place.objects()
    proxy.on(requests, ignore_condition(place))
    proxy.on(r"^PUT ", refuse_unsigned)
    report = examined(place, proxy.endpoint)
    assert statuses(report, CheckStatus.OK) == {check: CheckStatus.UNSAFE}
    assert "one of them is lost" in text(report, check)
    assert place.objects() == before


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        (Keys("JOBSJOBSJOBSJOBSJOBS", "not-the-secret-of-the-jobs"), "AWS_SECRET_ACCESS_KEY"),
        (Keys("NOBODYNOBODY", "not-the-secret-of-the-jobs"), "does not know AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_keys_are_named_and_nothing_is_asked_with_them(
    place: Place, examined: Examine, keys: Keys, word: str
):
    report = examined(replace(place, keys=keys))
    skipped = dict.fromkeys({"bucket", *NEEDS_BUCKET}, CheckStatus.SKIPPED)
    assert statuses(report, CheckStatus.OK) == {"keys": CheckStatus.FAILED, **skipped}
    assert word in text(report, "keys")
    assert keys.secret_key not in json.dumps(report.as_json())


def test_missing_keys_are_said_to_be_missing(
    place: Place, examined: Examine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    report = examined(replace(place, keys=Keys("", "")))
    assert "no keys" in text(report, "keys")


def test_a_missing_bucket_is_named(place: Place, examined: Examine):
    report = examined(replace(place, bucket="nowhere", keys=place.root))
    skipped = dict.fromkeys(NEEDS_BUCKET, CheckStatus.SKIPPED)
    assert statuses(report, CheckStatus.OK) == {"bucket": CheckStatus.FAILED, **skipped}
    assert "nowhere is not there" in text(report, "bucket")
    assert "headrace provision" in text(report, "bucket")


def test_a_bucket_that_may_not_be_seen_is_named(place: Place, examined: Examine):
    report = examined(replace(place, bucket="nowhere"))
    assert "nowhere is not there, or may not be listed" in text(report, "bucket")


def test_an_endpoint_that_does_not_answer_fails_alone(place: Place, examined: Examine):
    nobody = f"http://127.0.0.1:{free_port()}"
    report = examined(place, nobody)
    skipped = dict.fromkeys(ALL - {"endpoint", "transport"}, CheckStatus.SKIPPED)
    assert statuses(report, CheckStatus.OK) == {"endpoint": CheckStatus.FAILED, **skipped}
    assert nobody in text(report, "endpoint")


@pytest.mark.parametrize(
    ("skew", "status", "word"),
    [
        (timedelta(seconds=-20), CheckStatus.OK, "s apart"),
        (timedelta(seconds=100), CheckStatus.WARNING, "Beyond 15 minutes"),
        (timedelta(minutes=-10), CheckStatus.FAILED, "Beyond 15 minutes"),
        (timedelta(minutes=20), CheckStatus.FAILED, "so late or early"),
    ],
)
def test_clocks_are_compared(
    place: Place, proxy: FaultProxy, skew: timedelta, status: CheckStatus, word: str
):
    proxy.on(r"^GET /$", skewed(skew))
    store = replace(place.store, endpoint=Endpoint(proxy.endpoint))
    with store.endpoint.http() as http:
        judged, said = clock(Probe(store, store.locations[0], client=None, http=http, run="clock"))
    assert judged is status
    assert word in said


def test_a_skewed_clock_fails_alone(place: Place, proxy: FaultProxy, examined: Examine):
    proxy.on(r"^GET /$", skewed(timedelta(minutes=10)))
    proxy.on(r"^PUT ", refuse_unsigned)
    report = examined(place, proxy.endpoint)
    assert statuses(report, CheckStatus.OK) == {"clock": CheckStatus.FAILED}


def test_a_public_bucket_is_unsafe(place: Place, proxy: FaultProxy, examined: Examine):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": ["arn:aws:s3:::headrace/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    proxy.on(r"^PUT ", refuse_unsigned)
    before = place.objects()
    place.server.client.set_bucket_policy("headrace", json.dumps(policy))
    try:
        report = examined(place, proxy.endpoint)
    finally:
        place.server.client.delete_bucket_policy("headrace")
    assert statuses(report, CheckStatus.OK) == {"anonymous": CheckStatus.UNSAFE}
    assert "anybody can read, write without keys" in text(report, "anonymous")
    assert place.objects() == before


def test_keys_that_open_more_than_the_lake_are_a_warning(
    place: Place, proxy: FaultProxy, examined: Examine
):
    proxy.on(r"^PUT ", refuse_unsigned)
    report = examined(replace(place, keys=place.root), proxy.endpoint)
    assert statuses(report, CheckStatus.OK) == {"least-privilege": CheckStatus.WARNING}
    assert not report.is_bad
    begun = proxy.seen(r"^POST /headrace/headrace-doctor-\w+\?uploads")
    given_up = proxy.seen(r"^DELETE /headrace/headrace-doctor-\w+\?uploadId")
    assert [path(one) for one in begun] == [path(one) for one in given_up]
    assert len(begun) == 1


def test_a_lake_that_is_a_whole_bucket_is_probed_too(
    place: Place, proxy: FaultProxy, examined: Examine
):
    proxy.on(r"^PUT ", refuse_unsigned)
    before = place.objects()
    report = examined(replace(place, keys=place.root, lake=""), proxy.endpoint)
    assert statuses(report, CheckStatus.OK) == {}
    assert place.objects() == before


def test_a_server_as_its_vendor_ships_it_is_unsafe(tmp_path: Path, examined: Examine):
    server = ObjectStore(tmp_path)
    server.access_key = server.secret_key = "minioadmin"
    with server:
        place = Place(server, "headrace")
        place.provision()
        server.client.set_bucket_versioning("headrace", VersioningConfig(ENABLED))
        report = examined(place)
    assert statuses(report, CheckStatus.OK) == {
        "default-login": CheckStatus.UNSAFE,
        "unsigned-put": CheckStatus.UNSAFE,
        "encryption": CheckStatus.WARNING,
        "versioning": CheckStatus.WARNING,
    }
    assert "minioadmin works" in text(report, "default-login")


def test_a_store_that_delta_s_reader_cannot_reach_fails(
    place: Place, proxy: FaultProxy, examined: Examine
):
    proxy.on(r"^PUT ", refuse_unsigned)
    report = examined(place, proxy.endpoint, AWS_ALLOW_HTTP="false")
    assert statuses(report, CheckStatus.OK) == {"delta-reader": CheckStatus.FAILED}
    assert "URL scheme is not allowed" in text(report, "delta-reader")


def test_encryption_that_is_only_offered_is_a_warning(
    place: Place, proxy: FaultProxy, examined: Examine
):
    proxy.on(r"^PUT ", refuse_unsigned)
    place.server.make_bucket("plain")
    report = examined(replace(place, bucket="plain", keys=place.root), proxy.endpoint)
    assert statuses(report, CheckStatus.OK)["encryption"] is CheckStatus.WARNING
    assert "headrace provision" in text(report, "encryption")


def test_probe_objects_are_removed_when_a_check_fails(
    place: Place, proxy: FaultProxy, examined: Examine
):
    before = place.objects()
    proxy.on(rf"^GET {PROBES}object", slow_down)
    report = examined(place, proxy.endpoint)
    assert statuses(report, CheckStatus.OK, CheckStatus.SKIPPED) == {
        "read-write": CheckStatus.FAILED
    }
    assert proxy.seen(rf"^PUT {PROBES}object")
    assert place.objects() == before


def test_what_could_not_be_removed_is_named(place: Place, proxy: FaultProxy, examined: Examine):
    proxy.on(rf"^DELETE {PROBES}", refuse)
    report = examined(place, proxy.endpoint)
    assert statuses(report, CheckStatus.OK, CheckStatus.SKIPPED) == {
        "read-write": CheckStatus.FAILED,
        "cleanup": CheckStatus.FAILED,
    }
    assert "may not delete" in text(report, "read-write")
    left = [name for name in place.objects() if "/doctor/" in name]
    assert len(left) == 1
    assert left[0].rpartition("/")[0] in text(report, "cleanup")
    place.server.client.remove_object("headrace", left[0])


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (None, CheckStatus.OK),
        ("https://store.example", CheckStatus.OK),
        ("http://127.0.0.1:9000", CheckStatus.OK),
        ("http://[::1]:9000", CheckStatus.OK),
        ("http://10.20.30.40:9000", CheckStatus.OK),
        ("http://8.8.8.8:9000", CheckStatus.UNSAFE),
        ("http://store.invalid:9000", CheckStatus.FAILED),
    ],
)
def test_http_is_for_private_networks(url: str | None, status: CheckStatus):
    assert transport(Endpoint(url))[0] is status


def test_a_lake_on_disk_has_no_store_to_check(tmp_path: Path):
    environment = {"HEADRACE_HOME": str(tmp_path), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    report = examine(Settings.from_environment(environment), environment)
    assert [one.check for one in report.findings] == ["object-store", "lake-folder", "disk-space"]
    assert report.endpoint is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder that even root cannot write")
def test_a_lake_folder_that_cannot_be_written_fails():
    status, said = disk.writable(Path("/proc/headrace/lake"))
    assert status is CheckStatus.FAILED
    assert "/proc cannot be written" in said


@pytest.mark.parametrize(
    ("free_gib", "status"),
    [(0.5, CheckStatus.FAILED), (3, CheckStatus.WARNING), (50, CheckStatus.OK)],
)
def test_little_space_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, status: CheckStatus
):
    usage = disk.shutil.disk_usage(tmp_path)._replace(free=int(free_gib * disk.GIB))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    assert disk.space(tmp_path / "not" / "there")[0] is status


def test_command_fails_and_prints_no_secret_when_something_is_unsafe(place: Place, tmp_path: Path):
    shown = headrace(tmp_path, place.environment, "doctor")
    assert shown.returncode == 1
    lines = shown.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("unsafe")] == [
        ["unsafe", "unsigned-put"]
    ]
    assert lines[-1] == f"{len(ALL)} checks: {len(ALL) - 1} ok, 1 unsafe"
    told = json.loads(headrace(tmp_path, place.environment, "doctor", "--json").stdout)
    assert told["is_well"] is False
    assert {one["check"] for one in told["checks"] if one["verdict"] == "unsafe"} == {
        "unsigned-put"
    }
    for secret in (place.keys.secret_key, place.keys.access_key):
        assert secret not in shown.stdout + shown.stderr + json.dumps(told)
