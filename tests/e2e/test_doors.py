"""Another user of the machine gets nowhere: every open port asks for a secret, every file is closed."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.java_gateway import launch_gateway

from headrace_jobs.engine import session
from headrace_launcher.services.processes import marked
from headrace_schemas.errors import EngineUnavailable
from tests.embedded import Embedded
from tests.stranger import LOOPBACK, Stranger
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TRIES = """
import json, os, socket, stat, sys

def can(do, *args):
    try:
        do(*args)
    except OSError:
        return False
    return True

def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)

def reach(path):
    return {
        "list": can(os.listdir, path), "read": can(open, path, "rb"), "write": can(open, path, "ab"),
        "make": can(open, os.path.join(path, "mine"), "x"), "connect": can(connect, path),
    }

found = {path: [name for name, is_possible in reach(path).items() if is_possible]
         for path in json.load(sys.stdin)}
json.dump({path: what for path, what in found.items() if what}, sys.stdout)
"""
"""What another account can do with paths; with Python's own library, which any account can read."""


def listening(stack: Embedded) -> dict[int, str]:
    """Port → name of the service whose process listens there, or of the process."""
    services = {one.pid: one.name for one in stack.state().services}
    found = {}
    for process in marked(stack.settings.home):
        name = services.get(os.getsid(process.pid), process.name())
        for one in process.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                assert one.laddr.ip.removeprefix("::ffff:") == LOOPBACK, (name, one.laddr)
                found[one.laddr.port] = name
    return found


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A Java process of its own."""
    gateway = launch_gateway()
    try:
        yield Stranger(gateway.jvm)
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)


def test_every_port_asks_for_a_secret(
    stack: Embedded, stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(stack.is_idle, "nothing runs")
    ports = listening(stack)
    of = {one.name: one.port for one in stack.state().services if one.port}
    assert {of["api-server"], of["execution-api"], of["connect"]} < set(ports)

    refused = set()
    for path in (
        "/api/v2/dags",
        "/api/v2/connections",
        "/ui/config",
        "/headrace/gates/bronze.flights/2013-01/index.html",
    ):
        answer = httpx.get(f"http://{LOOPBACK}:{of['api-server']}{path}")
        assert answer.status_code == 401, path
        refused.add(of["api-server"])
    for path in ("/execution/variables/x", "/execution/connections/headrace_connect"):
        answer = httpx.get(f"http://{LOOPBACK}:{of['execution-api']}{path}")
        assert answer.status_code in (401, 403), path
        refused.add(of["execution-api"])

    for name in ("HEADRACE_CONNECT_SECRET", "HEADRACE_CONNECT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    try:
        with pytest.raises(EngineUnavailable, match="refuses the token"):
            session.connect(f"sc://{LOOPBACK}:{of['connect']}")
    finally:
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)
    refused.add(of["connect"])

    of_java = {port for port, name in ports.items() if name == "connect"} - refused
    assert of_java  # the driver's own
    for port in of_java:
        with pytest.raises(Py4JJavaError, match=r"org\.apache\.spark\.SparkException"):
            stranger.reach(port)
        refused.add(port)
    assert {port: name for port, name in ports.items() if port not in refused} == {}


@pytest.fixture
def passable(stack: Embedded) -> Iterator[None]:
    """The folders above the home let everybody through: only its own modes protect it."""
    above = [one for one in stack.settings.home.parents if not one.stat().st_mode & stat.S_IXOTH]
    modes = {one: stat.S_IMODE(one.stat().st_mode) for one in above}
    for one, mode in modes.items():
        one.chmod(mode | stat.S_IXOTH)
    try:
        yield
    finally:
        for one, mode in modes.items():
            one.chmod(mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_account_reads_changes_and_reaches_nothing(
    stack: Embedded, passable: None, tmp_path: Path
) -> None:
    home = stack.settings.home
    paths = [str(home), *(str(one) for one in home.rglob("*"))]
    sockets = {
        one.laddr
        for process in marked(home)
        for one in process.net_connections("unix")
        if one.laddr and not one.laddr.startswith("@")
    }
    assert len(paths) > 50  # the locked jars alone are forty
    assert str(stack.settings.job_host_socket) in sockets
    python = shutil.which("python3", path="/usr/bin:/bin")
    assert python, "no Python that another account can run"
    open_to_all = "/etc/passwd"
    done = subprocess.run(
        [python, "-c", TRIES],
        input=json.dumps([open_to_all, *paths, *sockets]),
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={},
    )
    assert json.loads(done.stdout) == {open_to_all: ["read"]}
