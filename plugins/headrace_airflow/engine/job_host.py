"""The warm job host, from the side of those who ask it; started here where no service keeps it."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_airflow.engine.connections import connection_of_type, is_defined
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.settings import DeploymentSettings, job_environment
from headrace_schemas.accounts import PUBLISH_REMOTE, PUBLISH_TOKEN, TOKEN
from headrace_schemas.errors import EngineUnavailable

CONNECT_CONNECTION = "headrace_connect"

PUBLISH_CONNECTION = "headrace_connect_publish"
"""A server of its own for what writes tables; where it is not defined, there is one for all."""

TOKEN_FILE = "token-file"  # noqa: S105 - a name in the connection's extra

ANSWER_SECONDS = 30.0
"""How long the job host may take to answer; a fork takes milliseconds."""

START_SECONDS = 120.0
"""How long it may take to start: its imports take 10 s on an idle machine."""

POLL_SECONDS = 0.2


def ask_host(directory: JobDirectory, settings: DeploymentSettings) -> None:
    """Have the warm job host fork the job of `directory`.

    Raises:
        EngineUnavailable: It cannot be reached, or refuses.
    """
    host = settings.job_host
    if host is None:
        raise ValueError("no job host is configured")
    question = {"job_dir": str(directory.path)}
    try:
        try:
            answer = ask(host, question)
        except (FileNotFoundError, ConnectionRefusedError):
            if not settings.starts_job_host:
                raise
            start_host(host)
            answer = ask(host, question)
    except (OSError, ValueError) as error:
        raise EngineUnavailable("job host", str(host), str(error)) from error
    if "pid" not in answer:
        problem = str(answer.get("error", "it closed the connection without an answer"))
        raise EngineUnavailable("job host", str(host), problem)
    directory.note_pid(int(answer["pid"]))


def ask(host: Path, question: dict[str, Any]) -> dict[str, Any]:
    """One question and its answer.

    Raises:
        OSError: Nobody listens, or nobody answers in time.
        ValueError: The answer is not JSON.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(host))
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as stream:
            answer: dict[str, Any] = json.loads(stream.readline() or b"{}")
    return answer


def start_host(host: Path) -> None:
    """Start the host and wait until it answers; one of several tasks that want it starts it.

    It is in a process group of its own and outlives the task.

    Raises:
        EngineUnavailable: It ends, or does not answer in time.
    """
    host.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with host.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if answers(host):
            return
        log = host.with_suffix(".log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "headrace_jobs", "host", "--socket", str(host)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=host_environment(),
                start_new_session=True,
                close_fds=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(host):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                problem = f"it did not start; the end of {log} says why"
                raise EngineUnavailable("job host", str(host), problem)
            time.sleep(POLL_SECONDS)
        process.returncode = 0  # it stays: nobody waits for it here


def answers(host: Path) -> bool:
    """Whether a host listens and answers."""
    try:
        return "pid" in ask(host, {"ping": True})
    except (OSError, ValueError):
        return False


def host_environment() -> dict[str, str]:
    """What a host's process inherits: Connect servers and their tokens, nothing of Airflow's.

    Raises:
        ConnectionInvalid: The connection to the server is missing or of another type.
    """
    server = connect_server(CONNECT_CONNECTION)
    environment = {
        **job_environment(os.environ),
        "SPARK_REMOTE": server.url,
        **server.known_by(TOKEN),
    }
    if is_defined(PUBLISH_CONNECTION):
        publish = connect_server(PUBLISH_CONNECTION)
        environment |= {PUBLISH_REMOTE: publish.url, **publish.known_by(PUBLISH_TOKEN)}
    return environment


@dataclass(frozen=True)
class ConnectServer:
    """A Spark Connect server, and how to show that one may use it."""

    url: str
    token: str | None
    token_file: str | None

    def known_by(self, name: str) -> dict[str, str]:
        """Its token as the variable `name`, or the file's as `<name>_FILE`."""
        given = {name: self.token, f"{name}_FILE": self.token_file}
        return {key: value for key, value in given.items() if value}


def connect_server(name: str) -> ConnectServer:
    """The server of an Airflow connection.

    Raises:
        ConnectionInvalid: The connection is missing or of another type.
    """
    advice = (
        "Define it with type spark_connect, the server's host and port, the token as password or "
        f"the file that holds it as {TOKEN_FILE} in extra."
    )
    connection = connection_of_type(name, "spark_connect", advice)
    options: dict[str, Any] = dict(connection.extra_dejson)
    token_file = options.pop(TOKEN_FILE, None)
    shown = ";".join(f"{key}={value}" for key, value in options.items())
    url = f"sc://{connection.host}:{connection.port or 15002}/;{shown}".rstrip(";/")
    return ConnectServer(url, connection.password, token_file)
