"""A Java that Spark can use is found wherever it lies; another one is told apart."""

from pathlib import Path

import pytest

from headrace_launcher.errors import JavaMissing
from headrace_launcher.spark.java import ACCEPTED, describe, find_java


def installed(folder: Path, version: str) -> Path:
    """A Java as its packages lay it down."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
    (folder / "bin" / "java").chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_java_home_comes_first_when_it_is_usable(tmp_path: Path):
    home = installed(tmp_path / "home", "21.0.2")
    installed(tmp_path / "jvm" / "java-17", "17.0.15")
    java, others = find_java({"JAVA_HOME": str(home), "PATH": ""}, [tmp_path / "jvm"])
    assert java is not None
    assert (java.home, java.version, others) == (home, 21, [])


def test_usual_folders_are_searched_when_java_home_is_too_old(tmp_path: Path):
    home = installed(tmp_path / "home", "11.0.1")
    found = installed(tmp_path / "jvm" / "java-17", "17.0.15")
    java, others = find_java({"JAVA_HOME": str(home), "PATH": ""}, [tmp_path / "jvm"])
    assert java is not None
    assert java.home == found
    assert others == [f"Java 11 in {home}"]


def test_path_is_searched_through_links(tmp_path: Path):
    home = installed(tmp_path / "jdk", "17")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    java, _ = find_java({"PATH": str(tmp_path / "bin")}, [])
    assert java is not None
    assert java.home == home


def test_version_manager_s_shim_is_asked_for_its_home(tmp_path: Path):
    shim = tmp_path / "shims" / "bin" / "java"
    shim.parent.mkdir(parents=True)
    shim.write_text(
        "#!/bin/sh\n"
        "echo '    java.home = /opt/jdk' >&2\n"
        "echo '    java.specification.version = 21' >&2\n"
    )
    shim.chmod(0o755)
    java = describe(shim)
    assert java is not None
    assert (java.home, java.version) == (Path("/opt/jdk"), 21)


def test_nothing_is_found_when_only_a_newer_java_is_there(tmp_path: Path):
    home = installed(tmp_path / "jvm" / "temurin-25", "25.0.3")
    java, others = find_java({"PATH": ""}, [tmp_path / "jvm"])
    assert java is None
    assert others == [f"Java 25 in {home}"]


def test_error_says_what_is_needed_and_what_was_found():
    with pytest.raises(JavaMissing, match=r"Java 17 or 21.*Found, but not usable: Java 25 in /x"):
        raise JavaMissing(ACCEPTED, ["Java 25 in /x"], "none is installed")
