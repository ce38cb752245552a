"""A MinIO server of the tests' own: on loopback, with keys that nobody else knows."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from minio import Minio

OWN_BINARY = Path(__file__).parents[1] / ".tools" / "bin" / "minio"
REGION = "us-east-1"
START_SECONDS = 60
PAUSE_SECONDS = 0.05


class ObjectStore:
    """One server, which keeps its port, its keys and its objects when it is started again.

    with ObjectStore(tmp_path) as store:
        store.make_bucket("lake")
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Nothing runs yet.

        Args:
            folder: Data and log go below it.
            settings: Further variables of the server.
        """
        self.folder = folder
        self.settings = dict(settings or {})
        self.port = free_port()
        self.access_key = secrets.token_hex(8)
        self.secret_key = secrets.token_hex(20)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Minio:
        """A client of the server, with all rights."""
        return Minio(
            f"127.0.0.1:{self.port}",
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region=REGION,
        )

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self.client.make_bucket(name)

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """What SDKs read from the environment to find the server and its keys.

        Args:
            endpoint: Where requests go instead, such as to a proxy.
        """
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",
        }

    def start(self) -> None:
        """Start the server; returns when it takes requests."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            **self.settings,
        }
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), "server", "--address", f"127.0.0.1:{self.port}", str(data)],
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the server as kill -9 does: nothing is finished, nobody gets an answer."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the server in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill the server and start it again with all of its objects."""
        self.kill()
        self.start()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        pause, deadline = Event(), monotonic() + START_SECONDS
        while process.poll() is None and monotonic() < deadline:
            try:
                with urlopen(f"{self.endpoint}/minio/health/ready", timeout=5):  # noqa: S310 - ours
                    return
            except (URLError, OSError):
                pause.wait(PAUSE_SECONDS)
        log = (self.folder / "server.log").read_text(errors="replace")
        raise TimeoutError(f"the object store did not become ready: {log[-2000:]}")


def binary() -> str:
    """The MinIO server that this machine has."""
    if found := shutil.which("minio"):
        return found
    if OWN_BINARY.is_file():
        return str(OWN_BINARY)
    raise FileNotFoundError(
        f"no minio on PATH and none at {OWN_BINARY}. `make minio` builds it from source; "
        "it needs Go."
    )


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
