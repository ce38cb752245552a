"""The job host's loop with jobs that end as they are told: `python -m tests.jobs.host_loop SOCKET`.

A process of its own: a fork of the tests' process would have the locks of its threads, and not the threads.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Event

from headrace_jobs.engine import host, runner


def work(directory: Path, *_: object) -> int:
    """What the job's folder asks for in the file `what`."""
    what = (directory / "what").read_text()
    os.write(1, b"working")
    if what == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "wait":
        Event().wait(60)
    return 0 if what == "succeed" else 1


if __name__ == "__main__":
    runner.run_job = work
    loop = host.Host(host.listen(Path(sys.argv[1])))
    signal.signal(signal.SIGTERM, loop.stop)
    loop.run()
