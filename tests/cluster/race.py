"""Releases two producers of one partition at the same moment, again and again; prints what is noted."""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from airflow.assets.manager import asset_manager
from airflow.models.asset import AssetModel, AssetPartitionDagRun
from airflow.utils.session import create_session
from sqlalchemy import select

PRODUCERS = ("one", "other")


def end(name: str, key: str, together: Barrier) -> None:
    """A producer's end, as the server notes it."""
    with create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.name == name))
        together.wait()
        asset_manager.register_asset_change(asset=asset, session=session, partition_key=key)


def main(times: int) -> None:
    """How many consumers and partitions have so many notes, by number of notes."""
    with ThreadPoolExecutor(len(PRODUCERS)) as pool:
        for number in range(times):
            together = Barrier(len(PRODUCERS))
            ended = [pool.submit(end, one, f"key-{number}", together) for one in PRODUCERS]
            for one in ended:
                one.result()
    with create_session() as session:
        open_notes = session.execute(
            select(AssetPartitionDagRun.target_dag_id, AssetPartitionDagRun.partition_key)
        ).all()
    print(json.dumps(Counter(Counter(map(tuple, open_notes)).values())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
