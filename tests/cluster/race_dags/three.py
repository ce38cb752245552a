"""A consumer that waits for one partition of two producers."""

from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    CronPartitionTimetable,
    IdentityMapper,
    PartitionedAssetTimetable,
)
from airflow.sdk.bases.operator import BaseOperator

ONE, OTHER = Asset("one"), Asset("other")

for asset in (ONE, OTHER):
    with DAG(f"makes_{asset.name}", schedule=CronPartitionTimetable("@daily", timezone="UTC")):
        BaseOperator(task_id="make", outlets=[asset])

for name in ("consumer", "another"):
    timetable = PartitionedAssetTimetable(
        assets=AssetAll(ONE, OTHER), default_partition_mapper=IdentityMapper()
    )
    with DAG(name, schedule=timetable):
        BaseOperator(task_id="use")
