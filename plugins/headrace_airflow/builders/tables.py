"""The Dags of a table: load, gate, publish, whenever a batch is due; and one that builds it anew."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    CronTriggerTimetable,
    IdentityMapper,
    PartitionedAssetTimetable,
)

from headrace_airflow.access.roles import DagKind, access_control
from headrace_airflow.assets import table_asset
from headrace_airflow.builders.partition_timetable import PartitionTimetable
from headrace_airflow.operators.tables import (
    GateOperator,
    LoadOperator,
    PublishOperator,
    RebuildOperator,
)
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import Pipeline, TableBuild
from headrace_schemas.partition import Partition, PartitionUnit

TRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
}
"""What can pass by itself passes within seconds: a conflict, an engine that restarts, an input."""

PATIENT_TRIES: dict[str, Any] = {
    **TRIES,
    "retries": 10,
    "max_retry_delay": timedelta(seconds=30),
}
"""Where earlier partitions are looked back at, a backfill may have to wait for their runs."""

ONE_WRITER: dict[str, Any] = {"max_active_tis_per_dag": 1}
"""One writer per table: one task of one Dag writes it, so Airflow's limit on that task is enough; a
pool per table would have to be created first."""

RUNS_AT_ONCE = 4


def table_dag(catalog: Catalog, build: TableBuild) -> DAG:
    """The Dag `layer.table`."""
    pipeline, contract = catalog.pipeline_of(build.name), catalog.contract(build.name)
    with DAG(
        dag_id=build.name,
        description=contract.description or pipeline.description,
        doc_md=table_doc(build, contract, pipeline),
        schedule=table_schedule(catalog, build),
        start_date=pipeline.starts_at,
        end_date=last_due(pipeline),
        catchup=False,
        max_active_runs=RUNS_AT_ONCE,
        tags=["table", build.name.split(".")[0], pipeline.name],
        default_args={"owner": pipeline.owner, "pool": pipeline.pool, **TRIES},
        access_control=access_control(DagKind.PIPELINE),
    ) as dag:
        asked: dict[str, Any] = {"table": build.name, "catalog": catalog}
        looks_back = any(upstream.lookback for upstream in build.inputs.values())
        load = LoadOperator(task_id="load", **asked, **(PATIENT_TRIES if looks_back else {}))
        gate = GateOperator(task_id="gate", **asked)
        outlets = [table_asset(build.name)]
        publish = PublishOperator(task_id="publish", outlets=outlets, **asked, **ONE_WRITER)
        load >> gate >> publish
    return dag


def rebuild_dag(catalog: Catalog, build: TableBuild) -> DAG:
    """The Dag `rebuild.layer.table`, which only a person starts."""
    pipeline = catalog.pipeline_of(build.name)
    doc = (
        f"### Rebuild {build.name}\nLoads and gates every batch that the table holds by the "
        "contract as it is now, from what was delivered or from its inputs, and replaces the "
        "table in one commit: columns, types and rows. Its old versions stay readable as long as "
        "declared. If one batch fails its gate, nothing is changed. For a contract that the table cannot follow: "
        "a narrower type, a column that is gone, another key."
    )
    with DAG(
        dag_id=f"rebuild.{build.name}",
        description=f"Build {build.name} anew, by the contract as it is now",
        doc_md=doc,
        schedule=None,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["table", build.name.split(".")[0], pipeline.name, "rebuild"],
        default_args={"owner": pipeline.owner, "pool": pipeline.pool, **TRIES},
        access_control=access_control(DagKind.PIPELINE),
    ) as dag:
        # Partitions have their events in the table's own Dag: none follows an event without key.
        outlets = [] if build.partition else [table_asset(build.name)]
        RebuildOperator(
            task_id="rebuild", outlets=outlets, table=build.name, catalog=catalog, **ONE_WRITER
        )
    return dag


def table_schedule(catalog: Catalog, build: TableBuild) -> Any:
    """When a batch of the table is due.

    Events of a partition reach partitioned Dags only, and other events only the others. So a
    partitioned table follows its partitioned inputs, a whole table its whole inputs; a table that
    has none of its own kind follows the calendar, as a delivered one does.
    """
    schedule = catalog.pipeline_of(build.name).schedule
    followed = [
        table_asset(upstream.table)
        for upstream in build.inputs.values()
        if catalog.build(upstream.table).partition == build.partition
    ]
    if build.partition is None:
        return followed or CronTriggerTimetable(schedule, timezone="UTC")
    if followed:
        return partitioned_by(followed)
    return PartitionTimetable(schedule, build.partition)


def partitioned_by(assets: Sequence[Asset]) -> PartitionedAssetTimetable:
    """One run per partition key, once every asset has it."""
    return PartitionedAssetTimetable(
        assets=assets[0] if len(assets) == 1 else AssetAll(*assets),
        default_partition_mapper=IdentityMapper(),
    )


def last_due(pipeline: Pipeline) -> Any:
    """Up to when the calendar starts runs: a partition is due after its end, the last one too."""
    if pipeline.ends_at is None:
        return None
    try:
        return Partition.of(PartitionUnit(pipeline.partition), pipeline.ends_at).end
    except ValueError:  # `end: 9999-12-31`, as people write "never"
        return None


def table_doc(build: TableBuild, contract: Contract, pipeline: Pipeline) -> str:
    """What a person sees on the Dag's page."""
    unit = f"one {build.partition.value} at a time" if build.partition else "as a whole"
    lines = [
        f"### {build.name}",
        contract.description,
        "",
        f"Built {unit} by pipeline `{pipeline.name}`, written by `{build.write.value}`.",
        "",
    ]
    if build.source is not None:
        lines.append(f"* delivered as `{build.source.files}` ({build.source.format})")
    for name, upstream in build.inputs.items():
        earlier = f", with {upstream.lookback} partitions before" if upstream.lookback else ""
        lines.append(f"* input `{name}`: `{upstream.table}`{earlier}")
    if build.transform:
        lines.append(f"* transform `{build.transform}`")
    lines += ["", "| column | type | promise |", "|---|---|---|"]
    for column in contract.columns:
        mark = " (key)" if column.name in contract.key else ""
        lines.append(f"| `{column.name}`{mark} | {column.type} | {column.description} |")
    lines += ["", f"{len(contract.row_rules)} row rules, {len(contract.table_rules)} table rules."]
    return "\n".join(lines)
