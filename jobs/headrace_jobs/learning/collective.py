"""How the tasks of a training become one group of XGBoost's, and know that nobody else is in it."""

import hmac
import json
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from pyspark import BarrierTaskContext
from xgboost import collective
from xgboost.tracker import RabitTracker

LOOPBACK = "127.0.0.1"

SILENCE_SECONDS = 3600
"""How long a worker may be waited for that is connected and says nothing; by XGBoost's default 300.
One with many more rows than others works as long on them. One that has died is noticed at once, as
its connections end, and a machine that has by Spark."""

FAREWELL_SECONDS = 60
"""How long the tracker may take to part the workers once all of them are through."""


@contextmanager
def joined(context: BarrierTaskContext, workers: int) -> Iterator[None]:
    """A block in which XGBoost works on the rows of all tasks of the stage.

    The first task keeps the tracker, on a port that the system chooses, and says through Spark where
    it is: so only tasks of this stage know, and the secret that goes with it. XGBoost itself asks
    nobody who he is: whoever connects in time has a worker's place. That is noticed before a row is
    looked at.

    Raises:
        XGBoostError: A worker is gone.
        StrangerAmongWorkers: Somebody took a worker's place who does not know the secret.
    """
    if workers == 1:
        yield
        return
    tracker: RabitTracker | None = None
    message = ""
    if context.partitionId() == 0:
        hosts = [info.address.rpartition(":")[0] for info in context.getTaskInfos()]
        tracker = RabitTracker(n_workers=workers, host_ip=meeting_place(hosts), sortby="task")
        tracker.start()
        message = json.dumps({"secret": secrets.token_hex(), "tracker": tracker.worker_args()})
    known = json.loads(context.allGather(message)[0])
    place: dict[str, Any] = known["tracker"]
    # Sums of floats depend on the order of the workers, so that is the order of the partitions.
    own = {"dmlc_task_id": f"{context.partitionId():06d}", "dmlc_timeout": SILENCE_SECONDS}
    with collective.CommunicatorContext(**place, **own):
        require_all_known(known["secret"])
        yield
    if tracker is not None:
        tracker.wait_for(FAREWELL_SECONDS)


def meeting_place(hosts: Sequence[str]) -> str:
    """The address of the first worker's host; the loopback if all are on one.

    Args:
        hosts: By which Spark's executors know each other, of all workers.
    """
    if len(set(hosts)) == 1:
        return LOOPBACK
    return str(socket.getaddrinfo(hosts[0], None)[0][4][0])


class StrangerAmongWorkers(ConnectionError):
    """Somebody took a worker's place who does not know the training's secret."""

    def __init__(self) -> None:
        super().__init__("engine lost: somebody who is no task of it has joined the training")


def require_all_known(secret: str) -> None:
    """Have each worker prove that it knows the secret.

    Each puts a proof that only its rank has into its row of a table whose other rows are zero, and
    all see their sum: who does not know the secret cannot make one, nor learn it from the others'.

    Raises:
        StrangerAmongWorkers: One of the proofs is wrong.
    """
    every = np.array([proof(secret, rank) for rank in range(collective.get_world_size())])
    own = np.zeros_like(every)
    own[collective.get_rank()] = every[collective.get_rank()]
    if not np.array_equal(collective.allreduce(own.ravel(), collective.Op.SUM), every.ravel()):
        raise StrangerAmongWorkers


def proof(secret: str, rank: int) -> list[int]:
    """HMAC-SHA256 of a worker's rank, as bytes."""
    return list(hmac.digest(secret.encode(), str(rank).encode(), "sha256"))
