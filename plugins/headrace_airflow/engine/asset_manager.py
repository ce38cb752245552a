"""Airflow's asset manager, for consumers that wait for one partition of several producers.

Airflow 3.3 notes an event for a consumer and partition by looking for an open note and writing one
if there is none, behind a lock on the producer's row. Two producers that end at the same moment hold
two locks, both find nothing, and each writes a note that waits for the other's event for ever
(apache/airflow issues 58919 and 71070). Here the lock is the consumer's and the partition's.

Set as `[core] asset_manager_class`; runs in the server that tasks report to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.assets.manager import AssetManager as Airflows
from airflow.utils.sqlalchemy import get_dialect_name
from sqlalchemy import text
from sqlalchemy.orm import Session

if TYPE_CHECKING:  # Airflow loads this module in the middle of loading its models
    from airflow.models.asset import AssetPartitionDagRun
    from airflow.models.dag import DagModel

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")
"""Held to the end of the transaction: who waits for it then sees what was written."""


class AssetManager(Airflows):
    """Notes events of producers that end together as one."""

    @classmethod
    def _queue_partitioned_dags(cls, *, partition_dags: Iterable[DagModel], **kwargs: Any) -> None:
        # In one order, or two events for the same two consumers would wait for each other.
        ordered = sorted(partition_dags, key=lambda dag: str(dag.dag_id))
        super()._queue_partitioned_dags(partition_dags=ordered, **kwargs)

    @classmethod
    def _get_or_create_apdr(
        cls, *, target_key: str, target_dag: DagModel, session: Session, **kwargs: Any
    ) -> AssetPartitionDagRun:
        # SQLite has one writer at a time, and Airflow asks for its lock.
        if get_dialect_name(session) == "postgresql":
            session.execute(LOCK, {"what": f"{target_dag.dag_id}\n{target_key}"})
        return super()._get_or_create_apdr(
            target_key=target_key, target_dag=target_dag, session=session, **kwargs
        )
