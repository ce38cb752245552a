"""Plain files of the lake and the landing area: on disk and in a real object store."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_jobs.lake import files
from tests.object_store import ObjectStore


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket("lake")
        yield made


@pytest.fixture(params=["disk", "file", "s3a"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "disk":
        return str(tmp_path)
    if request.param == "file":
        return tmp_path.as_uri()
    server: ObjectStore = request.getfixturevalue("server")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return "s3a://lake/records"


def test_a_text_comes_back_and_a_second_one_takes_its_place(root: str) -> None:
    for text in ("first ü", "second"):
        files.write_text(f"{root}/gates/2013-01", "result.json", text)
        assert files.read_text(f"{root}/gates/2013-01/result.json") == text
    assert files.size(f"{root}/gates/2013-01/result.json") == len("second")


def test_a_file_that_is_not_there_has_no_size(root: str) -> None:
    assert files.size(f"{root}/absent.json") is None


@pytest.mark.parametrize("name", ["a b.csv", "#1.csv", "what?.csv", "50%.csv", "[1].csv", "ü.csv"])
def test_a_key_is_read_whatever_is_in_it(
    server: ObjectStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for key, value in server.environment().items():
        monkeypatch.setenv(key, value)
    server.client.put_object("lake", f"landing/{name}", io.BytesIO(b"x"), 1)

    assert files.size(f"s3a://lake/landing/{name}") == 1
    assert files.read_text(f"s3a://lake/landing/{name}") == "x"
