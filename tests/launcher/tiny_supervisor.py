"""A supervisor of tiny services, run as `headrace supervise` is; its arguments name the services."""

import logging
import os
import sys
from collections.abc import Sequence

from headrace_launcher.services.keeper import RestartPolicy
from headrace_launcher.services.ports import LOOPBACK, Ports
from headrace_launcher.services.probes import Health, HttpProbe
from headrace_launcher.services.processes import MARK
from headrace_launcher.services.services import Service
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.stack import supervise

SERVER = [sys.executable, "-m", "http.server", "--bind", LOOPBACK]

# A service with a child in its session and a job that leads a session of its own.
TREE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                       start_new_session=True)
open("child.pid", "w").write(str(child.pid))
open("job.pid", "w").write(str(job.pid))
open("tree.ready", "w")
time.sleep(600)
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("stubborn.ready", "w")
time.sleep(600)
"""

CHATTY = """
import time
open("chatty.ready", "w")
for number in range(100_000):
    print(f"line {number}", flush=True)
    time.sleep(0.001)
"""

BROKEN = "import sys; print('no such thing as luck'); sys.exit(3)"


class FileProbe:
    """Up while a file is in the home."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.path = settings.home / name

    def __call__(self, _: object) -> Health:
        return Health.UP if self.path.exists() else Health.DOWN


def tiny_services(settings: Settings, ports: Ports) -> dict[str, Service]:
    """Every service that a test can ask for."""
    environment = {**os.environ, MARK: str(settings.home)}

    def python(name: str, code: str, **more: object) -> Service:
        return Service(
            name=name,
            command=(sys.executable, "-c", code),
            environment=environment,
            directory=settings.home,
            probe=FileProbe(settings, f"{name}.ready"),
            stop_seconds=1.0,
            **more,
        )

    return {
        "web": Service(
            name="web",
            command=(*SERVER, str(ports.airflow)),
            environment=environment,
            directory=settings.run,
            probe=HttpProbe(f"http://{LOOPBACK}:{ports.airflow}/"),
            port=ports.airflow,
            url=f"http://{LOOPBACK}:{ports.airflow}",
        ),
        "tree": python("tree", TREE),
        "stubborn": python("stubborn", STUBBORN),
        "broken": python("broken", BROKEN),
        "hanging": python(
            "hanging", "open('hanging.ready', 'w'); import time; time.sleep(600)", hung_seconds=0.5
        ),
        "chatty": python("chatty", CHATTY),
        "once": Service(
            name="once",
            command=(sys.executable, "-c", "open('once.done', 'a').write('x')"),
            environment=environment,
            directory=settings.home,
            probe=None,
        ),
        "second": python(
            "second",
            "import os; open('second.ready', 'w').write(str(os.path.exists('once.done')));"
            "import time; time.sleep(600)",
            after=("once",),
        ),
    }


def main(names: Sequence[str]) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = Settings.from_environment(os.environ)
    policy = RestartPolicy(
        first_pause_seconds=0.1,
        longest_pause_seconds=0.5,
        probe_seconds=0.2,
        starting_probe_seconds=0.1,
        log_limit_bytes=2_000,
    )

    def declared(ports: Ports) -> Sequence[Service]:
        services = tiny_services(settings, ports)
        return [services[name] for name in names]

    supervise(settings, declared, policy)


if __name__ == "__main__":
    main(sys.argv[1:])
