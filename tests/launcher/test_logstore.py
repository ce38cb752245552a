"""The log store's jar is that of its source, comes with the package, and lies beside the locked jars."""

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
from headrace_launcher.spark.jars import Jar, Module, OwnJar, place, read_lock
from headrace_launcher.spark.java import Java, find_java
from headrace_launcher.spark.logstore import JAR, SOURCE, build
from headrace_launcher.spark.settings import spark_home
from tests.projects import CHECKOUT

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
def source(tmp_path: Path) -> Path:
    """The source, which a test may change."""
    return shutil.copyfile(SOURCE, tmp_path / SOURCE.name)


def build_with(java: Java, source: Path, cache: Path, jar: Path) -> Path:
    build(source, cache, jar, java.executable, spark_home() / "jars")
    return jar


def test_jar_of_the_package_is_the_one_of_its_source_byte_for_byte(
    java: Java, cache: Path, source: Path, tmp_path: Path
) -> None:
    jar = build_with(java, source, cache, tmp_path / "again.jar")
    assert jar.read_bytes() == JAR.read_bytes(), "build it anew: headrace jars build"
    with zipfile.ZipFile(jar) as archive:
        assert archive.namelist() == ["META-INF/MANIFEST.MF", CLASS]
        assert archive.read(CLASS)[:4] == b"\xca\xfe\xba\xbe"


def test_error_has_place_and_reason_when_the_source_does_not_compile(
    java: Java, cache: Path, source: Path, tmp_path: Path
) -> None:
    source.write_text(source.read_text().replace("fs.getXAttr(", "fs.getAttribute("))
    with pytest.raises(JarNotBuilt, match=r"ConditionalS3LogStore\.java.*getAttribute"):
        build_with(java, source, cache, tmp_path / "out.jar")
    assert not (tmp_path / "out.jar").exists()


def test_error_says_so_when_java_is_missing(cache: Path, source: Path, tmp_path: Path) -> None:
    nowhere = Java(tmp_path / "nowhere", 17)
    with pytest.raises(JarNotBuilt, match=r"nowhere/bin/java did not run the compiler"):
        build_with(nowhere, source, cache, tmp_path / "out.jar")


# The folder of jars


ONE = Module("org.one", "one", "1.0.0")


def serve(modules: Sequence[Module], target: Path) -> None:
    for module in modules:
        (target / module.organisation).mkdir(exist_ok=True)
        (target / module.organisation / module.file_name).write_bytes(b"one")


LOCKED = [Jar(ONE, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")]


@pytest.fixture
def own(tmp_path: Path) -> OwnJar:
    """A jar of the package."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "own.jar").write_bytes(b"first")
    return OwnJar(folder / "own.jar")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_own_jar_is_beside_the_locked_ones_when_homes_share_a_cache(
    own: OwnJar, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert place(LOCKED, tmp_path / "a", cache, serve, [own]) == 1
    assert place(LOCKED, tmp_path / "b", cache, serve, [own]) == 0
    assert names(tmp_path / "a") == names(tmp_path / "b") == ["one-1.0.0.jar", "own.jar"]
    assert names(cache) == ["one-1.0.0.jar", "own.jar"]


def test_one_own_jar_is_left_when_an_earlier_version_named_it_otherwise(
    own: OwnJar, tmp_path: Path
) -> None:
    target, cache = tmp_path / "jars", tmp_path / "cache"
    for folder in (target, cache):
        folder.mkdir()
        (folder / "own-9831c7f54d73.jar").write_bytes(b"earlier")
    place(LOCKED, target, cache, serve, [own])
    assert names(target) == names(cache) == ["one-1.0.0.jar", "own.jar"]


@pytest.mark.parametrize("damaged", ["jars", "cache", "package"])
def test_own_jar_is_that_of_the_package_when_another_was_there(
    own: OwnJar, tmp_path: Path, damaged: str
) -> None:
    target, cache = tmp_path / "jars", tmp_path / "cache"
    place(LOCKED, target, cache, serve, [own])
    (tmp_path / damaged / "own.jar").write_bytes(b"other")
    if damaged == "cache":
        (target / "own.jar").unlink()
    place(LOCKED, target, cache, serve, [own])
    assert (target / "own.jar").read_bytes() == own.path.read_bytes()


def test_nothing_is_placed_when_an_own_jar_is_missing(own: OwnJar, tmp_path: Path) -> None:
    own.path.unlink()
    target, cache = tmp_path / "jars", tmp_path / "cache"
    with pytest.raises(FileNotFoundError):
        place(LOCKED, target, cache, serve, [own])
    assert not target.exists()
    assert names(cache) == ["one-1.0.0.jar"]


def test_folder_holds_all_jars_when_the_command_places_them(cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "image" / "jars"
    ended = subprocess.run(
        [sys.executable, "-m", "headrace_launcher", "jars", "place", target],
        cwd=tmp_path,
        env={
            **os.environ,
            "HEADRACE_PROJECT": str(CHECKOUT),
            "XDG_CACHE_HOME": str(cache.parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert set(names(target)) == {jar.file_name for jar in read_lock()} | {JAR.name}
    assert (target / JAR.name).read_bytes() == JAR.read_bytes()
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
    command = ["javac", "-Xlint:all", "-Werror", "-cp", classpath, "-d", tmp_path, SOURCE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / CLASS).is_file()
