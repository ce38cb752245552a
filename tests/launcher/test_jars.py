"""Jars are placed whole, byte for byte as locked, or not at all."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace_launcher.errors import JarRefused, JarsUnavailable, LockInvalid
from headrace_launcher.spark.ivy import EXCLUDED, FLAT, WITH_DEPENDENCIES
from headrace_launcher.spark.jars import (
    Jar,
    Module,
    are_in_place,
    place,
    read_lock,
    sha256_of,
    write_lock,
)

ONE = Module("org.one", "one", "1.0.0")
TWO = Module("org.two", "two_2.13", "2.0-rc1")


class Repository:
    """Serves bytes by coordinates and remembers what it was asked for."""

    def __init__(self, served: dict[Module, bytes]) -> None:
        self.served = served
        self.asked: list[Module] = []

    def fetch(self, modules: Sequence[Module], target: Path) -> None:
        for module in modules:
            self.asked.append(module)
            if module in self.served:
                (target / module.organisation).mkdir(exist_ok=True)
                (target / module.organisation / module.file_name).write_bytes(self.served[module])


@pytest.fixture
def repository() -> Repository:
    return Repository({ONE: b"one", TWO: b"two"})


@pytest.fixture
def jars(tmp_path: Path, repository: Repository) -> tuple[Jar, ...]:
    folder = tmp_path / "resolved"
    folder.mkdir()
    repository.fetch([ONE, TWO], folder)
    repository.asked.clear()
    return write_lock(folder, tmp_path / "jars.lock")


def test_lock_is_read_as_written(tmp_path: Path, jars: tuple[Jar, ...]):
    assert read_lock(tmp_path / "jars.lock") == jars
    assert [jar.module for jar in jars] == [ONE, TWO]


def test_jars_are_fetched_once_when_homes_share_a_cache(tmp_path, repository, jars):
    assert place(jars, tmp_path / "a" / "jars", tmp_path / "cache", repository.fetch) == 2
    assert place(jars, tmp_path / "a" / "jars", tmp_path / "cache", repository.fetch) == 0
    assert place(jars, tmp_path / "b" / "jars", tmp_path / "cache", repository.fetch) == 0
    assert repository.asked == [ONE, TWO]
    assert (tmp_path / "b" / "jars" / "two_2.13-2.0-rc1.jar").read_bytes() == b"two"


def test_nothing_is_placed_when_a_fetched_jar_has_other_bytes(tmp_path, repository, jars):
    repository.served[TWO] = b"twisted"
    with pytest.raises(JarRefused, match=r"org\.two:two_2\.13:2\.0-rc1: sha256 is"):
        place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch)
    assert not (tmp_path / "jars").exists()
    assert not list((tmp_path / "cache").iterdir())


def test_error_names_the_jar_when_the_repository_lacks_it(tmp_path, repository, jars):
    del repository.served[ONE]
    with pytest.raises(JarsUnavailable, match=r"org\.one:one:1\.0\.0"):
        place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch)


def test_damaged_jar_is_replaced_from_the_cache(tmp_path, repository, jars):
    place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch)
    (tmp_path / "jars" / ONE.file_name).write_bytes(b"damaged")
    assert not are_in_place(jars, tmp_path / "jars")
    assert place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch) == 0
    assert (tmp_path / "jars" / ONE.file_name).read_bytes() == b"one"


def test_damaged_cache_is_fetched_again(tmp_path, repository, jars):
    place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch)
    (tmp_path / "cache" / ONE.file_name).write_bytes(b"damaged")
    assert place(jars, tmp_path / "other", tmp_path / "cache", repository.fetch) == 1
    assert sha256_of(tmp_path / "other" / ONE.file_name) == jars[0].sha256


def test_jar_that_is_no_longer_locked_is_removed(tmp_path, repository, jars):
    place(jars, tmp_path / "jars", tmp_path / "cache", repository.fetch)
    place(jars[:1], tmp_path / "jars", tmp_path / "cache", repository.fetch)
    assert [path.name for path in (tmp_path / "jars").iterdir()] == [ONE.file_name]


@pytest.mark.parametrize("line", ["org.one:one:1.0.0", "org.one:one abc", "a:b:c <x/>"])
def test_error_names_file_and_line_when_a_lock_line_is_wrong(tmp_path: Path, line: str):
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# comment\n{line}\n")
    with pytest.raises(LockInvalid, match=r"jars\.lock:2: "):
        read_lock(lock)


def test_committed_lock_holds_what_is_asked_for_and_nothing_of_spark_s_own():
    locked = [jar.module for jar in read_lock()]
    assert {*FLAT, *WITH_DEPENDENCIES} <= {str(module) for module in locked}
    assert not [module for module in locked if module.organisation in EXCLUDED]
    assert not [module for module in locked if module.name == "bundle"]
    assert len({module.file_name for module in locked}) == len(locked)
