"""Sparks that write as a test tells them, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

PROJECT = Path(__file__).parents[2]
START_SECONDS = 180
ANSWER_SECONDS = 300
PATIENCE_SECONDS = 120
"""How long a writer waits for the store's answer."""


class Writer:
    """A process of `tests.faults.writer`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self._answers: Queue[str | None] = Queue()
        Thread(target=self._listen, args=(process,), daemon=True).start()

    def tell(self, row: int) -> None:
        """Have a row written; `answer` says what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{row}\n")
        self._process.stdin.flush()

    def answer(self, seconds: float = ANSWER_SECONDS) -> str | None:
        """What came of the row: None if its commit was acknowledged, else the problem."""
        try:
            line = self._answers.get(timeout=seconds)
        except Empty:
            line = None
        if line is None:
            raise RuntimeError(f"no answer: {self._log.read_text(errors='replace')[-2000:]}")
        found: str | None = json.loads(line)
        return found

    def write(self, row: int) -> str | None:
        """Write a row; as `answer`."""
        self.tell(row)
        return self.answer()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._answers.put(line)
        self._answers.put(None)


@contextmanager
def writers(
    folder: Path, uri: str, log_store: str, environments: list[dict[str, str]]
) -> Iterator[list[Writer]]:
    """As many Sparks as environments, all started at once, ready to write to one table.

    Args:
        environments: Where each finds the object store, as `ObjectStore.environment` says it.
    """
    started: list[subprocess.Popen[str]] = []
    try:
        made = []
        for number, given in enumerate(environments):
            log = folder / f"writer-{number}.log"
            with log.open("wb") as errors:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tests.faults.writer",
                        uri,
                        f"spark.delta.logStore.s3a.impl={log_store}",
                        f"spark.hadoop.fs.s3a.endpoint={given['AWS_ENDPOINT_URL']}",
                        f"spark.hadoop.fs.s3a.endpoint.region={given['AWS_REGION']}",
                        # Whoever is kept back must not give up, and come a second time.
                        f"spark.hadoop.fs.s3a.connection.timeout={PATIENCE_SECONDS}s",
                        f"spark.sql.warehouse.dir={folder}/warehouse-{number}",
                    ],
                    cwd=PROJECT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    start_new_session=True,
                    env={
                        **os.environ,
                        **given,
                        "SPARK_LOCAL_IP": "127.0.0.1",
                        "PYSPARK_PYTHON": sys.executable,
                    },
                )
            started.append(process)
            made.append(Writer(process, log))
        for one in made:
            assert one.answer(START_SECONDS) == "ready"
        yield made
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)  # Java too
            process.wait()
