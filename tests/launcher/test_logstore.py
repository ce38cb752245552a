"""The log store's jar is built by set-up alone, and lies beside the locked jars."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace_launcher.errors import FolderNotEmpty, JarNotBuilt
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.setup import place_jars
from headrace_launcher.spark.jars import BuiltJar, Jar, Module, place, read_lock
from headrace_launcher.spark.java import Java, find_java
from headrace_launcher.spark.logstore import SOURCE, log_store
from headrace_launcher.spark.settings import spark_home

PROJECT = Path(__file__).parents[2]
CLASS = "headrace/ConditionalS3LogStore.class"


@pytest.fixture(scope="session")
def java() -> Java:
    found, _ = find_java(os.environ)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the locked jars, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("cache") / "headrace" / "jars"
    folder.mkdir(parents=True)
    filled = Settings.from_environment(os.environ).cache / "jars"  # by set-up
    for jar in read_lock():
        (folder / jar.file_name).symlink_to(filled / jar.file_name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with the source, which a test may change."""
    target = tmp_path / "project" / SOURCE
    target.parent.mkdir(parents=True)
    shutil.copyfile(PROJECT / SOURCE, target)
    return tmp_path / "project"


def built(project: Path, java: Java) -> BuiltJar:
    return log_store(project, java.executable, spark_home() / "jars")


def test_jar_has_the_same_bytes_when_it_is_built_again(
    java: Java, cache: Path, project: Path, tmp_path: Path
) -> None:
    jar = built(PROJECT, java)
    jar.build(cache, tmp_path / "one.jar")
    other = built(project, java)
    other.build(cache, tmp_path / "two.jar")
    assert other.file_name == jar.file_name
    assert (tmp_path / "one.jar").read_bytes() == (tmp_path / "two.jar").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.jar") as archive:
        assert archive.namelist() == ["META-INF/MANIFEST.MF", CLASS]
        assert archive.read(CLASS)[:4] == b"\xca\xfe\xba\xbe"


def test_error_has_place_and_reason_when_the_source_does_not_compile(
    java: Java, cache: Path, project: Path, tmp_path: Path
) -> None:
    source = project / SOURCE
    source.write_text(source.read_text().replace("fs.getXAttr(", "fs.getAttribute("))
    with pytest.raises(JarNotBuilt, match=r"ConditionalS3LogStore\.java.*getAttribute"):
        built(project, java).build(cache, tmp_path / "out.jar")
    assert not (tmp_path / "out.jar").exists()


def test_error_says_so_when_java_or_source_are_missing(
    java: Java, cache: Path, project: Path, tmp_path: Path
) -> None:
    nowhere = Java(tmp_path / "nowhere", 17)
    with pytest.raises(JarNotBuilt, match=r"nowhere/bin/java did not run the compiler"):
        built(project, nowhere).build(cache, tmp_path / "out.jar")
    (project / SOURCE).unlink()
    with pytest.raises(JarNotBuilt, match="the file is missing"):
        built(project, java)


# The folder of jars


ONE = Module("org.one", "one", "1.0.0")


def serve(modules: Sequence[Module], target: Path) -> None:
    for module in modules:
        (target / module.organisation).mkdir(exist_ok=True)
        (target / module.organisation / module.file_name).write_bytes(b"one")


LOCKED = [Jar(ONE, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")]


class Source:
    """Stands for what a jar is built from; counts how often it is."""

    def __init__(self) -> None:
        self.builds = 0

    def jar(self, text: str) -> BuiltJar:
        return BuiltJar("built", text, lambda locked, target: self.build(text, locked, target))

    def build(self, text: str, locked: Path, target: Path) -> None:
        assert (locked / ONE.file_name).read_bytes() == b"one"
        self.builds += 1
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("text", text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_built_jar_is_built_once_when_homes_share_a_cache(tmp_path: Path) -> None:
    source, cache = Source(), tmp_path / "cache"
    assert place(LOCKED, tmp_path / "a", cache, serve, [source.jar("x")]) == 1
    assert place(LOCKED, tmp_path / "b", cache, serve, [source.jar("x")]) == 0
    assert names(tmp_path / "b") == names(cache) == ["built-x.jar", "one-1.0.0.jar"]
    assert source.builds == 1


def test_old_built_jar_is_replaced_when_its_source_changes(tmp_path: Path) -> None:
    source, target, cache = Source(), tmp_path / "jars", tmp_path / "cache"
    place(LOCKED, target, cache, serve, [source.jar("x")])
    place(LOCKED, target, cache, serve, [source.jar("y")])
    assert names(target) == names(cache) == ["built-y.jar", "one-1.0.0.jar"]


@pytest.mark.parametrize("damaged", ["jars", "cache"])
def test_built_jar_is_mended_when_it_is_damaged(tmp_path: Path, damaged: str) -> None:
    source, target, cache = Source(), tmp_path / "jars", tmp_path / "cache"
    place(LOCKED, target, cache, serve, [source.jar("x")])
    whole = (target / "built-x.jar").read_bytes()
    (tmp_path / damaged / "built-x.jar").write_bytes(whole[:-9])
    if damaged == "cache":
        (target / "built-x.jar").unlink()
    place(LOCKED, target, cache, serve, [source.jar("x")])
    assert (target / "built-x.jar").read_bytes() == whole
    assert source.builds == (1 if damaged == "jars" else 2)


def test_nothing_is_placed_when_a_jar_cannot_be_built(tmp_path: Path) -> None:
    def fail(locked: Path, target: Path) -> None:
        target.write_bytes(b"half a jar")
        raise JarNotBuilt("A.java", "line 1: no")

    target, cache = tmp_path / "jars", tmp_path / "cache"
    with pytest.raises(JarNotBuilt):
        place(LOCKED, target, cache, serve, [BuiltJar("built", "x", fail)])
    assert not target.exists()
    assert names(cache) == ["one-1.0.0.jar"]


def test_folder_holds_all_jars_when_the_command_places_them(cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "image" / "jars"
    ended = subprocess.run(
        [sys.executable, "-m", "headrace_launcher", "jars", "place", target],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(cache.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    log_stores = [name for name in names(target) if name.startswith("headrace-logstore-")]
    assert len(log_stores) == 1
    assert set(names(target)) == {jar.file_name for jar in read_lock()} | set(log_stores)
    assert target.stat().st_mode & 0o055 == 0o055  # an image's jars are read by another user


def test_folder_is_left_alone_when_it_holds_something_else(
    java: Java, cache: Path, tmp_path: Path
) -> None:
    settings = Settings.from_environment({"XDG_CACHE_HOME": str(cache.parents[1])})
    target = tmp_path / "spark"
    target.mkdir()
    (target / "spark-core.jar").touch()
    with pytest.raises(FolderNotEmpty, match=r"spark holds spark-core\.jar"):
        place_jars(settings, java, target)
    assert names(target) == ["spark-core.jar"]


@pytest.mark.skipif(shutil.which("javac") is None, reason="no javac")
def test_source_compiles_without_a_warning_when_there_is_a_javac(
    cache: Path, tmp_path: Path
) -> None:
    jars = [
        *(spark_home() / "jars").glob("hadoop-client-*.jar"),
        *cache.glob("delta-storage-*.jar"),
    ]
    classpath = ":".join(str(jar) for jar in jars)
    command = ["javac", "-Xlint:all", "-Werror", "-cp", classpath, "-d", tmp_path, PROJECT / SOURCE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / CLASS).is_file()
