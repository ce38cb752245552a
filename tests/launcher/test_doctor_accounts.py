"""`headrace doctor` where each stage of the work has an account, against a real MinIO."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace_launcher.object_store.endpoint import Keys
from headrace_launcher.object_store.finding import CheckStatus
from headrace_schemas.accounts import Account, keys_file, keys_text
from tests.fault_proxy import FaultProxy
from tests.launcher.stores import (
    Examine,
    Place,
    encrypting_store,
    refuse_unsigned,
    statuses,
    text,
    write_keys,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A store that each process reaches with no keys but those of the folder."""
    folder = tmp_path_factory.mktemp("store")
    with encrypting_store(folder) as server:
        place = Place(server, "headrace", Keys("", ""), stages=write_keys(folder / "keys"))
        place.provision()
        yield place


@pytest.fixture
def safe(place: Place) -> Iterator[str]:
    """The endpoint, as a server has it in which unsigned writes are mended."""
    with FaultProxy(place.server.endpoint) as proxy:
        proxy.on(r"^PUT ", refuse_unsigned)
        yield proxy.endpoint


def with_keys(place: Place, folder: Path, keys: dict[Account, Keys]) -> Place:
    for account, one in keys.items():
        keys_file(folder, account).write_text(keys_text(one.access_key, one.secret_key))
    return replace(place, stages=folder)


def test_all_is_well_when_each_account_has_its_own_rights(
    place: Place, safe: str, examined: Examine
):
    before = place.objects()
    report = examined(place, safe)
    assert statuses(report, CheckStatus.OK) == {}
    assert text(report, "least-privilege").endswith(f": {', '.join(Account)}")
    assert place.objects() == before
    uploads = place.client(place.root).list_multipart_uploads(Bucket=place.bucket)
    assert "Uploads" not in uploads


def test_an_account_that_may_do_another_s_work_is_a_warning(
    place: Place, safe: str, examined: Examine, tmp_path: Path
):
    keys = {one: place.keys_of(Account.MAINTAIN) for one in (Account.MAINTAIN, Account.LEARN)}
    report = examined(with_keys(place, tmp_path, keys), safe)
    assert statuses(report, CheckStatus.OK) == {"least-privilege": CheckStatus.WARNING}
    said = text(report, "least-privilege")
    assert "learn may write to doctor, staging, " in said
    published = (
        "ledger, ledger/digests, ledger/holds, monitoring, predictions, quarantine, sketches"
    )
    assert f"learn may remove from doctor, gates, {published}, staging, tables. Run" in said
    assert "maintain may" not in said


def test_an_account_whose_keys_are_wrong_fails(
    place: Place, safe: str, examined: Examine, tmp_path: Path
):
    publish = place.keys_of(Account.PUBLISH)
    keys = {
        Account.MAINTAIN: place.keys_of(Account.MAINTAIN),
        Account.PUBLISH: Keys(publish.access_key, secrets.token_hex(16)),
    }
    report = examined(with_keys(place, tmp_path, keys), safe)
    assert statuses(report, CheckStatus.OK) == {"least-privilege": CheckStatus.FAILED}
    assert "account publish: SignatureDoesNotMatch" in text(report, "least-privilege")
    assert keys[Account.PUBLISH].secret_key not in str(report.as_json())
