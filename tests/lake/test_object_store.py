"""Landing area and gate records in an object store: a real one."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_lake import object_store
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Place
from tests.object_store import ObjectStore, free_port

FILES = (
    "landing/trips/2013-01.csv",
    "landing/trips/2013-02.csv",
    "landing/trips/old/2013-03.csv",
    "landing/trips-of-others/2013-01.csv",
    "landing/a b/#1 ü?.csv",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket("lake")
        for name in FILES:
            content = name.encode()
            made.client.put_object("lake", name, io.BytesIO(content), len(content))
        # What a console leaves of a folder.
        made.client.put_object("lake", "landing/a b/", io.BytesIO(b""), 0)
        yield made


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


@pytest.mark.parametrize(
    ("root", "pattern", "found"),
    [
        ("s3a://lake/landing", "trips/*.csv", ["trips/2013-01.csv", "trips/2013-02.csv"]),
        ("s3://lake/landing/", "trips/2013-02.csv", ["trips/2013-02.csv"]),
        ("s3a://lake", "landing/trips/old/*", ["landing/trips/old/2013-03.csv"]),
        (
            "s3a://lake/landing",
            "*/2013-01.csv",
            ["trips-of-others/2013-01.csv", "trips/2013-01.csv"],
        ),
        ("s3a://lake/landing", "a b/*", ["a b/#1 ü?.csv"]),
        ("s3a://lake/landing", "absent/*", []),
    ],
)
def test_files_are_found_by_their_pattern(
    store: ObjectStore, root: str, pattern: str, found: list[str]
) -> None:
    expected = [f"{root.rstrip('/')}/{name}" for name in found]
    assert object_store.matching(Place.parse(root), pattern) == expected


def test_all_files_are_found_when_they_are_more_than_one_answer_holds(store: ObjectStore) -> None:
    for number in range(1001):
        store.client.put_object("lake", f"many/{number:04}", io.BytesIO(b""), 0)
    assert len(object_store.matching(Place.parse("s3a://lake"), "many/*")) == 1001


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_whatever_its_name(store: ObjectStore, name: str) -> None:
    assert object_store.read(Place.parse(f"s3a://lake/{name}")) == name.encode()


def test_a_file_that_is_not_there_is_none(store: ObjectStore) -> None:
    assert object_store.read(Place.parse("s3a://lake/landing/absent.csv")) is None


def test_a_store_that_is_away_is_named(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EngineUnavailable, match="s3a://lake/landing") as raised:
        object_store.matching(Place.parse("s3a://lake/landing"), "*")
    assert raised.value.retryable
    assert store.secret_key not in str(raised.value)
