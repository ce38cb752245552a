"""The jars that Spark needs besides its own: locked by coordinates and checksum, fetched once.

Beside them lies what comes with this package. All are placed in the home's `jars` folder whole or
not at all, and never resolved when a job starts. A cache in the user's own cache folder serves
every other checkout on the machine.
"""

import filecmp
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace_launcher.errors import JarRefused, JarsUnavailable, LockInvalid

LOCK = Path(__file__).with_name("jars.lock")

Fetch = Callable[[Sequence["Module"], Path], None]
"""Puts the modules' jars into a folder as `<organisation>/<name>-<version>.jar`."""

_LINE = re.compile(r"([\w.\-]+):([\w.\-]+):([\w.\-]+) ([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class Module:
    """What a Maven repository serves a jar under."""

    organisation: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.organisation}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        """The jar's name in a folder."""
        return f"{self.name}-{self.version}.jar"

    @classmethod
    def parse(cls, coordinates: str) -> "Module":
        """The module of `organisation:name:version`."""
        return cls(*coordinates.split(":"))


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    module: Module
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in a folder."""
        return self.module.file_name

    def is_intact(self, path: Path) -> bool:
        """Whether a file is this jar, byte for byte."""
        return path.is_file() and sha256_of(path) == self.sha256


@dataclass(frozen=True)
class OwnJar:
    """A jar that comes with this package."""

    path: Path

    @property
    def file_name(self) -> str:
        """The jar's name in a folder."""
        return self.path.name

    def is_intact(self, path: Path) -> bool:
        """Whether a file is this jar, byte for byte."""
        return path.is_file() and filecmp.cmp(self.path, path, shallow=False)


def read_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """The locked jars, in the file's order."""
    jars = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise LockInvalid(str(path), number, text)
        jars.append(Jar(Module(match[1], match[2], match[3]), match[4]))
    return tuple(jars)


def write_lock(folder: Path, path: Path = LOCK) -> tuple[Jar, ...]:
    """Lock the jars that lie in a folder as `<organisation>/<name>-<version>.jar`."""
    jars = []
    for jar in sorted(folder.glob("*/*.jar")):
        name, _, version = jar.stem.rpartition("-")
        if not version[:1].isdigit():  # a qualifier with a dash: 4.1.126-Final
            name, _, head = name.rpartition("-")
            version = f"{head}-{version}"
        jars.append(Jar(Module(jar.parent.name, name, version), sha256_of(jar)))
    lines = [f"{jar.module} {jar.sha256}\n" for jar in jars]
    head = "# Written by `headrace jars lock`: organisation:name:version sha256\n"
    path.write_text(head + "".join(lines))
    return tuple(jars)


def sha256_of(path: Path) -> str:
    """The checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def are_in_place(jars: Sequence[Jar | OwnJar], target: Path) -> bool:
    """Whether a folder holds exactly these jars, undamaged."""
    names = {jar.file_name for jar in jars}
    if not target.is_dir() or {path.name for path in target.iterdir()} != names:
        return False
    return all(jar.is_intact(target / jar.file_name) for jar in jars)


def place(
    jars: Sequence[Jar], target: Path, cache: Path, fetch: Fetch, own: Sequence[OwnJar] = ()
) -> int:
    """Make a folder hold exactly these jars; returns how many had to be fetched.

    The folder appears whole by one rename. A jar whose bytes are not the lock's is refused, and
    nothing is placed.
    """
    wanted: tuple[Jar | OwnJar, ...] = (*jars, *own)
    if are_in_place(wanted, target):
        return 0
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [jar for jar in jars if not jar.is_intact(cache / jar.file_name)]
    if missing:
        _fetch_into(cache, missing, fetch)
    for own_jar in own:
        if not own_jar.is_intact(cache / own_jar.file_name):
            _copy_into(cache, own_jar)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".jars-") as scratch:
        whole = Path(scratch) / "new"
        whole.mkdir()
        for jar in wanted:
            shutil.copyfile(cache / jar.file_name, whole / jar.file_name)
        if target.exists():
            target.rename(Path(scratch) / "old")
        whole.rename(target)
    return len(missing)


def _fetch_into(cache: Path, jars: Sequence[Jar], fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
        fetch([jar.module for jar in jars], Path(scratch))
        for jar in jars:
            fetched = Path(scratch) / jar.module.organisation / jar.module.file_name
            if not fetched.is_file():
                raise JarsUnavailable([str(jar.module)], "nothing")
            found = sha256_of(fetched)
            if found != jar.sha256:
                raise JarRefused(str(jar.module), jar.sha256, found)
        for jar in jars:
            fetched = Path(scratch) / jar.module.organisation / jar.module.file_name
            fetched.replace(cache / jar.module.file_name)


def _copy_into(cache: Path, jar: OwnJar) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix=".copy-") as scratch:
        made = shutil.copyfile(jar.path, Path(scratch) / jar.file_name)
        # Of versions that built it with a digest in its name. Jobs that are told of no other folder
        # take all jars of the cache.
        for old in cache.glob(f"{jar.path.stem}-*.jar"):
            old.unlink()
        made.replace(cache / jar.file_name)
