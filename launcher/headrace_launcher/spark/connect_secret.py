"""What a Spark Connect server and its clients know each other by.

A client shows its token to whoever listens on the server's port. So a token is made for one process
of the server, told to clients once that process holds the port, and worthless when it ends: who
takes the port in between learns nothing that opens the next one. And the server shows a proof that
no client ever sends, so that a client sees who answers.
"""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from headrace_launcher.services.processes import in_session
from headrace_launcher.services.secrets import KEY_BYTES, write_private
from headrace_schemas.wire.spark_settings import CONNECT_PROOF


@dataclass
class ConnectSecret:
    """The secrets of one server, made anew for each of its processes.

    Attributes:
        file: Where clients find token and proof, a line each.
        configuration: The server's own `spark-defaults.conf`; it holds the proof.
        settings: What stands there besides.
    """

    file: Path
    configuration: Path
    settings: str
    port: int
    _made: tuple[str, str] | None = field(default=None, repr=False)

    def make(self) -> dict[str, str]:
        """Secrets for a process that is about to start: what its environment holds."""
        self.forget()
        token, proof = secrets.token_hex(KEY_BYTES), secrets.token_hex(KEY_BYTES)
        self._made = token, proof
        self.configuration.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.configuration, f"{self.settings}{CONNECT_PROOF} {proof}\n")
        return {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token}

    def tell(self, leader: int) -> bool:
        """Tell clients, if the port is held by the session of `leader`; whether it is."""
        if self._made is None or not holds(in_session(leader), self.port):
            return False
        write_private(self.file, "\n".join(self._made))
        return True

    def forget(self) -> None:
        """Take back what clients were told."""
        self._made = None
        self.file.unlink(missing_ok=True)


def holds(processes: Iterable[psutil.Process], port: int) -> bool:
    """Whether one of the processes listens on a port."""
    for process in processes:
        with suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False
