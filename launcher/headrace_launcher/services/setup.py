"""What a checkout needs besides its Python environment: Java, jars, secrets, a state directory."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from headrace_launcher.errors import FolderNotEmpty
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.supervisor import alone
from headrace_launcher.spark.ivy import Ivy
from headrace_launcher.spark.jars import OwnJar, are_in_place, place, read_lock
from headrace_launcher.spark.java import Java, ensure_java
from headrace_launcher.spark.logstore import JAR
from headrace_launcher.spark.settings import spark_home
from headrace_schemas.installation import require_extra, require_one_spark

OWN_JARS = (OwnJar(JAR),)

Tell = Callable[[str], None]


def set_up(settings: Settings, environ: Mapping[str, str], tell: Tell = lambda _: None) -> Java:
    """Make what is missing; quick when nothing is. `tell` hears what is being done.

    Raises:
        ExtraMissing: One of the two runtimes is not installed.
        SparkTwice: Two packages own Spark's files.
    """
    require_extra("airflow")
    require_extra("spark")
    require_one_spark()
    os.umask(0o077)  # Airflow writes files with secrets that everyone could read
    tell("Java")
    java = ensure_java(environ)
    tell("state directory")
    settings.create_directories()
    with alone(settings.run / "setup.lock"):
        Secrets(settings.secrets).ensure()
        refuse_strangers(settings.jars)
        _place(settings, java, settings.jars, tell)
    return java


def refuse_strangers(folder: Path) -> None:
    """Refuse to replace a folder of jars that holds something else as well.

    Raises:
        FolderNotEmpty: It does.
    """
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if others := [name for name in found if not name.endswith(".jar")]:
        raise FolderNotEmpty(str(folder), others)


def place_jars(settings: Settings, java: Java, target: Path, tell: Tell = lambda _: None) -> int:
    """Make a new or empty folder hold all jars that Spark needs besides its own; their number.

    Raises:
        FolderNotEmpty: The folder holds something else.
    """
    found = sorted(path.name for path in target.iterdir()) if target.exists() else []
    if found and not are_in_place((*read_lock(), *OWN_JARS), target):
        raise FolderNotEmpty(str(target), found)
    return _place(settings, java, target, tell)


def _place(settings: Settings, java: Java, target: Path, tell: Tell) -> int:
    locked = read_lock()
    count = len(locked) + len(OWN_JARS)
    tell(f"{count} jars")
    ivy = ivy_client(settings, java, tell)
    place(locked, target, settings.cache / "jars", ivy.fetch, OWN_JARS)
    return count


def ivy_client(settings: Settings, java: Java, tell: Tell) -> Ivy:
    """The client that fetches jars, with the user's own repository settings where given."""
    return Ivy(java.executable, spark_home() / "jars", settings.ivy_settings, tell)
