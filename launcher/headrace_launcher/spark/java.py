"""Finds a Java that Spark can use, or installs one where that needs no question."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace_launcher.errors import JavaMissing

ACCEPTED = (17, 21)
INSTALLED_FOLDERS = (
    Path("/usr/lib/jvm"),
    Path("/Library/Java/JavaVirtualMachines"),
    Path("/opt/homebrew/opt"),
    Path("/usr/local/opt"),
)
INSIDE = ("", "Contents/Home", "libexec/openjdk.jdk/Contents/Home")
"""Where the home lies in an installed folder: Linux; macOS; Homebrew."""
ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Java:
    """A Java runtime."""

    home: Path
    version: int

    @property
    def executable(self) -> Path:
        """The `java` of this runtime."""
        return self.home / "bin" / "java"


def find_java(
    environ: Mapping[str, str], folders: Iterable[Path] = INSTALLED_FOLDERS
) -> tuple[Java | None, list[str]]:
    """The first usable Java of JAVA_HOME, PATH and the usual folders, and the others seen."""
    others: list[str] = []
    for executable in _candidates(environ, folders):
        java = describe(executable)
        if java is None:
            continue
        if java.version in ACCEPTED:
            return java, others
        seen = f"Java {java.version} in {java.home}"
        if seen not in others:
            others.append(seen)
    return None, others


def ensure_java(environ: Mapping[str, str]) -> Java:
    """A usable Java; installs the system's own package when that can be done without asking."""
    java, others = find_java(environ)
    if java is not None:
        return java
    reason = _install(environ)
    java, others = find_java(environ)
    if java is None:
        raise JavaMissing(ACCEPTED, others, reason)
    return java


def describe(executable: Path) -> Java | None:
    """Home and major version of a `java`; None when it is none."""
    home = executable.resolve().parent.parent
    release = home / "release"
    if release.is_file() and (home / "bin" / "java").is_file():
        match = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(errors="replace"), re.M)
        if match:
            return Java(home, int(match[1]))
    # A version manager's shim, or a build without a `release` file: ask the program itself.
    try:
        answer = subprocess.run(
            [executable, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = dict(
        re.findall(r"^\s+(java\.home|java\.specification\.version) = (\S+)", answer.stderr, re.M)
    )
    if "java.home" not in said or not said.get("java.specification.version", "").isdigit():
        return None
    return Java(Path(said["java.home"]), int(said["java.specification.version"]))


def _candidates(environ: Mapping[str, str], folders: Iterable[Path]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    for folder in folders:
        for installed in sorted(folder.glob("*")):
            for inside in INSIDE:
                executable = installed / inside / "bin" / "java"
                if executable.is_file():
                    yield executable


def _install(environ: Mapping[str, str]) -> str:
    """Try the system's package manager; the reason why there may still be no Java."""
    if shutil.which("apt-get") is None:
        return "none is installed and this system has no apt-get to install it without asking"
    as_root: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        quiet = sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
        if not sudo or not quiet or quiet.returncode != 0:
            return "none is installed and installing it needs the administrator's password"
        as_root = [sudo, "-n"]
    silent = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*as_root, "apt-get", "update", "-q"], env=silent, check=False)
    for version in ACCEPTED:
        package = f"openjdk-{version}-jre-headless"
        command = [*as_root, "apt-get", "install", "-y", "-q", "--no-install-recommends", package]
        if subprocess.run(command, env=silent, check=False).returncode == 0:
            return f"{package} was installed but cannot be found"
    return "none is installed and apt-get could not install it"
