"""The compose file's services as processes of this machine: same commands, settings, order, restarts.

Every service has a loopback address of its own (`127.x.y.n`, Linux takes all of 127/8), so that ports are those of the
compose file and nothing listens elsewhere. What differs from containers: no isolation, no memory limits, small
settings for Java, and no server for the logs of running tasks, as that would listen everywhere.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from headrace_launcher.services.compose import FOLDER, ensure_env
from headrace_launcher.spark.settings import spark_home
from headrace_schemas import accounts
from headrace_schemas.wire.spark_settings import SMALL_JAVA
from tests import object_store
from tests.cluster.compose_file import PROJECT, Declared, declared, read_env
from tests.cluster.running import Running
from tests.waiting import wait_until

PYTHON = Path(sys.executable)
JARS = os.environ.get("HEADRACE_JARS") or str(PROJECT / ".headrace" / "jars")
MARK = "HEADRACE_TEST_CLUSTER"


@dataclass
class Native:
    """The running topology."""

    root: Path
    values: dict[str, str]
    services: dict[str, Declared]
    addresses: dict[str, list[str]]
    running: dict[str, list[Running]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    command_lines: set[str] = field(default_factory=set)

    @classmethod
    def prepare(cls, root: Path, values: Mapping[str, str]) -> "Native":
        """Secrets, addresses and folders; nothing runs yet."""
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        root.chmod(0o711)  # the database's own user passes through
        ensure_env(root / ".env")
        # Two stacks at once on one machine do not meet; tests start with the same seed each.
        chance = random.SystemRandom()
        net = f"127.{chance.randrange(64, 250)}.{chance.randrange(1, 250)}"
        own = {
            "HEADRACE_AIRFLOW_URL": "http://api-server:8080",
            "HEADRACE_JAVA_OPTIONS": SMALL_JAVA,
        }
        given = {**read_env(root / ".env"), **own, **values}
        services = declared(given)
        del services["minio-volume"]  # only a container's volume needs another owner
        addresses: dict[str, list[str]] = {}
        number = 10
        for name, one in services.items():
            addresses[name] = [f"{net}.{number + index}" for index in range(one.replicas)]
            number += one.replicas
        native = cls(root, given, services, addresses)
        native.write_spark_settings()
        return native

    def address(self, name: str) -> str:
        return self.addresses[name][0]

    def secret(self, name: str) -> str:
        """One that was made for this cluster."""
        return (self.root / FOLDER / name).read_text()

    @property
    def airflow_url(self) -> str:
        return f"http://{self.address('api-server')}:8080"

    @property
    def lake_environment(self) -> dict[str, str]:
        """What readers of the lake need, and who delivers."""
        environment = self.services["triggerer"].environment
        names = (
            "HEADRACE_LAKE",
            "HEADRACE_LANDING",
            *[one for one in environment if one.startswith("AWS_")],
        )
        found = {name: self.local(environment[name], "triggerer", 0) for name in names}
        return {**found, accounts.FOLDER: str(self.root / FOLDER)}

    def write_spark_settings(self) -> None:
        folder = self.root / "spark-conf"
        folder.mkdir(exist_ok=True)
        for file in (PROJECT / "deploy" / "spark").iterdir():
            text = file.read_text().replace("/opt/headrace/jars", JARS)
            (folder / file.name).write_text(text)

    def local(self, text: str, name: str, index: int) -> str:
        """A value of the compose file as it is on this machine."""
        own, folder = self.addresses[name][index], self.root / f"{name}-{index}"
        places = {
            "/opt/headrace/.venv/bin": str(PYTHON.parent),
            "/opt/headrace/jars": JARS,
            "/opt/headrace": str(PROJECT),
            "/opt/spark": str(spark_home()),
            "/var/lib/headrace": str(folder),
            "/tmp": str(folder / "tmp"),  # noqa: S108 - a container's
            "/data": str(folder / "data"),
            "/run/secrets": str(self.root / FOLDER),
        }
        named = "|".join(map(re.escape, places))  # longer ones stand before what they begin with
        text = re.sub(rf"(?<![\w/.-])({named})(?![\w.-])", lambda found: places[found[0]], text)
        text = re.sub(r"\b(0\.0\.0\.0|localhost|127\.0\.0\.1)\b(?!:\*)", own, text)
        for other, addresses in self.addresses.items():
            # A host comes before a port or ends a quoted word; a user of a URL is no host.
            host = (
                rf"(?<![\w/.-]){other}(?=:\d)|(?<=//){other}(?=[:/])(?![^/]*@)|(?<=@){other}(?=:)"
            )
            text = re.sub(rf'{host}|(?<="host": "){other}(?=")', addresses[0], text)
        return text

    def local_command(self, words: Sequence[str], name: str, index: int) -> list[str]:
        """A command of the compose file as it is on this machine."""
        after_host = {at + 1 for at, word in enumerate(words) if word == "--host"}
        return [
            self.addresses[word][0]
            if at in after_host and word in self.addresses
            else self.local(word, name, index)
            for at, word in enumerate(words)
        ]

    def process(self, name: str, index: int) -> Running:
        """One process of a service, not started."""
        service, folder = self.services[name], self.root / f"{name}-{index}"
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        own = {key: self.local(value, name, index) for key, value in service.environment.items()}
        environment = {
            **kept,
            "PATH": f"{PYTHON.parent}:{kept.get('PATH', os.defpath)}",
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(self.root / "spark-conf"),
            "SPARK_LOCAL_IP": self.addresses[name][index],
            "PYSPARK_PYTHON": str(PYTHON),
            "PYSPARK_DRIVER_PYTHON": str(PYTHON),
            "HEADRACE_JARS": JARS,
            "HEADRACE_PROJECT": str(PROJECT),
            "MALLOC_ARENA_MAX": "2",
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
            "HOME": str(folder / "tmp"),
            MARK: str(self.root),
            **own,
        }
        environment.pop("SPARK_LOCAL_HOSTNAME", None)  # a container's name
        command = self.local_command(service.command, name, index)
        healthcheck = self.local_command(service.healthcheck[1:], name, index)
        running = Running(
            service, self.addresses[name][index], folder, command, environment, healthcheck
        )
        if name == "postgres":
            self.as_postgres(running)
        elif name == "minio":
            self.as_minio(running)
        elif name in ("scheduler", "triggerer"):
            running.command.append("--skip-serve-logs")
        return running

    def as_postgres(self, running: Running) -> None:
        """The server of the system's package, its data made as the image's entry point does."""
        programs = postgres_programs()
        running.user = "postgres" if os.geteuid() == 0 else None
        data, password = running.folder / "data", running.folder / "password"
        if running.user:
            shutil.chown(running.folder, running.user)
            shutil.chown(running.folder / "tmp", running.user)
        if not data.exists():
            password.write_text(self.secret("postgres_password"))
            password.chmod(0o600)
            if running.user:
                shutil.chown(password, running.user)
            done = subprocess.run(
                [
                    programs / "initdb",
                    "--pgdata",
                    data,
                    "--username",
                    "postgres",
                    "--auth",
                    "scram-sha-256",
                    "--pwfile",
                    password,
                    "--encoding",
                    "UTF8",
                    "--locale",
                    "C.UTF-8",
                ],
                env=running.environment,
                user=running.user,
                cwd=running.folder,
                capture_output=True,
            )
            assert done.returncode == 0, done.stderr.decode()
        running.command = [
            str(programs / "postgres"),
            "-D",
            str(data),
            "-h",
            running.address,
            "-p",
            "5432",
            "-k",
            str(running.folder / "tmp"),
        ]
        running.healthcheck[0] = str(programs / "pg_isready")

    def make_databases(self, running: Running) -> None:
        """What the image's entry point runs once."""
        mark = running.folder / "databases-made"
        if mark.exists():
            return
        environment = {
            **running.environment,
            "PGHOST": running.address,
            "PGPASSWORD": self.secret("postgres_password"),
            "PATH": f"{postgres_programs()}:{running.environment['PATH']}",
        }
        for script in sorted((PROJECT / "deploy" / "postgres").glob("*.sh")):
            done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        mark.touch()

    def as_minio(self, running: Running) -> None:
        """The binary of the set-up instead of the image."""
        address = f"{running.address}:9000"
        running.command = [
            object_store.binary(),
            "server",
            str(running.folder / "data"),
            "--address",
            address,
            "--console-address",
            f"{running.address}:9001",
        ]
        script = str(PROJECT / "deploy" / "healthcheck.py")
        running.healthcheck = [
            sys.executable,
            script,
            "http",
            f"http://{address}/minio/health/ready",
        ]

    def up(self, only: set[str] | None = None) -> None:
        """Start everything in the order of the file, and wait until all is healthy."""
        waiting = [name for name in self.services if only is None or name in only]
        keeper = threading.Thread(target=self.keep, daemon=True)
        keeper.start()
        while waiting:
            ready = [one for one in waiting if all(self.holds(*c) for c in self.conditions(one))]
            for name in ready:
                self.start(name)
                waiting.remove(name)
            if waiting and not ready:
                threading.Event().wait(0.2)
            self.check_ends()
        for name in self.running:
            self.wait_healthy(name)

    def conditions(self, name: str) -> list[tuple[str, str]]:
        after = self.services[name].after.items()
        return [(other, condition) for other, condition in after if other in self.services]

    def start(self, name: str) -> None:
        count = range(self.services[name].replicas)
        self.running[name] = [self.process(name, index) for index in count]
        for one in self.running[name]:
            one.start()
        if name == "postgres":
            self.wait_healthy(name)
            self.make_databases(self.running[name][0])

    def holds(self, name: str, condition: str) -> bool:
        """A condition of `depends_on`."""
        if name not in self.running:
            return False
        if condition == "service_completed_successfully":
            return all(one.process and one.process.poll() == 0 for one in self.running[name])
        return all(one.is_healthy() for one in self.running[name])

    def check_ends(self) -> None:
        """A service that does its work once must not fail."""
        for one in self.all():
            code = one.process.poll() if one.process else None
            assert one.service.stays or code in (None, 0), f"{one.service.name}: {one.last_lines()}"
            assert one.starts < 4 or one.stopped, (
                f"{one.service.name} ends again and again: {one.last_lines()}"
            )

    def wait_healthy(self, name: str) -> None:
        for one in self.running[name]:
            if one.service.stays:
                try:
                    wait_until(one.is_healthy, f"{name} is healthy")
                except AssertionError as error:
                    raise AssertionError(f"{error}\n{one.last_lines()}") from error

    def all(self) -> list[Running]:
        return [one for group in self.running.values() for one in group]

    def keep(self) -> None:
        """Restart what ended, as `restart: unless-stopped` does."""
        while not self.ended.wait(0.5):
            for one in self.all():
                if one.service.stays and not one.stopped and one.starts and not one.is_running():
                    one.start()
            self.note_command_lines()

    def note_command_lines(self) -> None:
        """Remember what everybody on this machine could have read."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                self.command_lines.add(" ".join(process.cmdline()))

    def kill(self, name: str, index: int = 0) -> None:
        """kill -9 of a service with all that it started itself, as when its machine is lost."""
        one = self.running[name][index]
        assert one.process is not None
        mine = [psutil.Process(one.process.pid)]
        mine += mine[0].children(recursive=True)
        starts = one.starts
        for process in mine:
            with suppress(psutil.Error):
                process.kill()
        wait_until(lambda: one.starts > starts, f"{name} is started again")

    @contextmanager
    def beside(self, name: str) -> Iterator[Running]:
        """A service of a profile that is off, for a while."""
        values = {**self.values, "COMPOSE_PROFILES": "minio,history"}
        self.services[name] = declared(values)[name]
        used = [int(one.rpartition(".")[2]) for group in self.addresses.values() for one in group]
        net = self.address("minio").rpartition(".")[0]
        self.addresses[name] = [f"{net}.{max(used) + 1}"]
        self.start(name)
        try:
            self.wait_healthy(name)
            yield self.running[name][0]
        finally:
            self.stop(name)
            for group in (self.running, self.services, self.addresses):
                del group[name]

    def stop(self, name: str) -> None:
        """Stop a service, and keep it so."""
        for one in self.running[name]:
            one.end()
            assert one.process is not None
            one.process.wait(60)

    def down(self) -> None:
        """End everything, jobs and executors too."""
        self.ended.set()
        for one in reversed(self.all()):
            one.end()
        mine = marked(self.root)
        _, alive = psutil.wait_procs(mine, timeout=20)
        for process in [*alive, *marked(self.root)]:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=20)


def postgres_programs() -> Path:
    """Where the system's package has the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    onpath = shutil.which("initdb")
    assert found or onpath, "no PostgreSQL server here: apt-get install postgresql"
    return found[-1].parent if found else Path(str(onpath)).parent


def marked(root: Path) -> list[psutil.Process]:
    """Every process that was started for a cluster, whoever started it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(root):
                found.append(process)
    return found


@contextmanager
def cluster(root: Path, values: Mapping[str, str] = {}) -> Iterator[Native]:
    """The whole topology, gone afterwards."""
    native = Native.prepare(root, values)
    try:
        native.up()
        yield native
    finally:
        native.down()
    assert not marked(root)


def main() -> None:
    """Bring it up until it is interrupted; for looking at it."""
    root = Path(sys.argv[1])
    values = dict(one.split("=", 1) for one in sys.argv[2:])
    with cluster(root, values) as native:
        print(json.dumps({name: one[0] for name, one in native.addresses.items()}, indent=1))
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
