"""Airflow's local executor, which ends when it is told to."""

from airflow.executors.local_executor import LocalExecutor as AirflowLocalExecutor


class LocalExecutor(AirflowLocalExecutor):
    """Runs tasks in processes of the scheduler, and lets a scheduler in trouble end.

    A scheduler that loses its database waits for its running tasks, ends, and is started again. To
    stop the workers, Airflow 3.3 puts an order to stop on their common queue for each worker that is
    alive at that moment. An idle worker may take an order that was put for a busy one and be gone
    before its own turn: then there is an order too few, the last worker waits for ever, and so does
    the scheduler, alive, with everything at a standstill.

    The class bears Airflow's name because Airflow tells local executors by it. It can go when
    Airflow's own passes `tests/plugins/test_executor.py`.
    """

    def end(self) -> None:
        """Wait for the running tasks, then stop. Orders that nobody takes go with the queue."""
        for _ in self.workers:
            self.activity_queue.put(None)
        super().end()
