"""What a checkout needs besides its Python environment: Java, jars, secrets, a state directory."""

import os
from collections.abc import Callable, Mapping

from headrace_launcher.ivy import Ivy
from headrace_launcher.jars import place, read_lock
from headrace_launcher.java import Java, ensure_java
from headrace_launcher.secrets import Secrets
from headrace_launcher.settings import Settings
from headrace_launcher.spark import spark_home

Tell = Callable[[str], None]


def set_up(settings: Settings, environ: Mapping[str, str], tell: Tell = lambda _: None) -> Java:
    """Make what is missing; quick when nothing is. `tell` hears what is being done."""
    os.umask(0o077)  # Airflow writes files with secrets that everyone could read
    tell("Java")
    java = ensure_java(environ)
    tell("state directory")
    settings.create_directories()
    Secrets(settings.secrets).ensure()
    jars = read_lock()
    tell(f"{len(jars)} jars")
    ivy = ivy_client(settings, java, tell)
    place(jars, settings.jars, settings.cache / "jars", ivy.fetch)
    return java


def ivy_client(settings: Settings, java: Java, tell: Tell) -> Ivy:
    """The client that fetches jars, with the user's own repository settings where given."""
    return Ivy(java.executable, spark_home() / "jars", settings.ivy_settings, tell)
