"""A lake in an object store is checked and repaired as one on disk."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace_lake.fsck.check import check, check_lake, repair
from headrace_lake.fsck.damage import DamageKind
from headrace_lake.fsck.depth import Depth
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Lake
from tests.lake.tables import Table, empty, flipped, half, short
from tests.object_store import ObjectStore, free_port

BUCKET, ROOT = "lake", "a lake/main"
NAME = "silver.readings"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket(BUCKET)
        yield made


@pytest.fixture
def store(
    server: ObjectStore, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    """The store with a lake of one table."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    for one in server.client.list_objects(BUCKET, recursive=True):
        server.client.remove_object(BUCKET, str(one.object_name))
    for file in table.place.rglob("*"):
        if file.is_file():
            put(server, str(file.relative_to(tmp_path)), file.read_bytes())
    return server


def lake() -> Lake:
    return Lake(root=f"s3a://{BUCKET}/{ROOT}")


def put(store: ObjectStore, path: str, content: bytes) -> None:
    store.client.put_object(BUCKET, f"{ROOT}/{path}", io.BytesIO(content), len(content))


def change(store: ObjectStore, path: str, by: Callable[[bytes], bytes]) -> None:
    put(store, path, by(store.client.get_object(BUCKET, f"{ROOT}/{path}").read()))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("depth", list(Depth))
def test_nothing_is_found_when_all_is_well(depth: Depth):
    checked = check_lake(lake(), depth)
    assert checked.tables == (NAME,)
    assert short(list(checked.damages)) == []


@pytest.mark.parametrize(
    ("by", "kind"),
    [
        (empty, DamageKind.COMMIT_EMPTY),
        (half, DamageKind.COMMIT_BROKEN),
        (None, DamageKind.COMMIT_MISSING),
    ],
)
def test_newest_commit_is_named_when_it_is_damaged(
    store: ObjectStore, by: Callable[[bytes], bytes] | None, kind: DamageKind
):
    path = f"_delta_log/{13:020}.json"
    if by is None:
        store.client.remove_object(BUCKET, f"{ROOT}/tables/silver/readings/{path}")
    else:
        change(store, f"tables/silver/readings/{path}", by)
    for uri in (lake().table(NAME), lake().table(NAME).replace("s3a://", "s3://")):
        assert short(check(uri, Depth.LOG)) == [(kind, path, 13)]


def test_data_file_is_named_when_a_bit_was_flipped(store: ObjectStore, table: Table):
    path = table.name(table.data(4))
    change(store, f"tables/silver/readings/{path}", flipped(60))
    assert check_lake(lake(), Depth.LOG).is_well
    found = check_lake(lake(), Depth.FULL).damages
    assert short(list(found)) == [(DamageKind.FILE_DIFFERS, path, 4)]


def test_data_file_is_named_when_only_its_digest_tells(store: ObjectStore, table: Table):
    assert check_lake(lake(), Depth.FULL).is_well
    path = table.name(table.data(4))
    at = table.data(4).read_bytes().rindex(b"parquet-mr")
    change(store, f"tables/silver/readings/{path}", flipped(at))
    found = check_lake(lake(), Depth.FULL).damages
    assert short(list(found)) == [(DamageKind.FILE_DIFFERS, path, 4)]


def test_checkpoint_is_moved_aside_when_all_commits_are_there(store: ObjectStore):
    path = f"tables/silver/readings/_delta_log/{10:020}.checkpoint.parquet"
    change(store, path, half)
    moved = repair(lake(), check_lake(lake(), Depth.LOG).damages)
    assert moved[0] == f"s3a://{BUCKET}/{ROOT}/{path}"
    assert check_lake(lake(), Depth.FULL).is_well
    kept = {str(one.object_name) for one in store.client.list_objects(BUCKET, recursive=True)}
    assert f"{ROOT}/{path}.damaged" in kept
    assert f"{ROOT}/{path}" not in kept


@pytest.mark.usefixtures("store")
def test_store_is_said_to_be_unavailable_when_nobody_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EngineUnavailable, match="object store at s3a://lake"):
        check_lake(lake(), Depth.LOG)
