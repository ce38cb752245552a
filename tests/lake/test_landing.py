"""Which batches a landing area has files of."""

import io
from pathlib import Path

import pytest

from headrace_lake.landing import delivered_files, delivered_partitions
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.declarations.source import Source
from headrace_schemas.partition import Partition, PartitionUnit
from tests.object_store import ObjectStore


def build(files: str, unit: PartitionUnit | None = PartitionUnit.MONTH) -> TableBuild:
    return TableBuild(name="bronze.trips", partition=unit, source=Source(files=files))


def batch(partition: Partition) -> Batch:
    return Batch(table="bronze.trips", partition=partition)


def land(root: Path, *names: str) -> str:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return str(root)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("trips/{partition}.csv", ["trips/2013-02.csv", "trips/2013-01.csv"]),
        ("trips/{partition}/*.csv", ["trips/2013-02/b.csv", "trips/2013-01/a.csv"]),
        ("*/t?ips-{partition}*", ["x/trips-2013-01.csv", "x/trips-2013-02-late.csv"]),
        ("trips[0-9]/{partition}.csv", ["trips1/2013-01.csv", "trips2/2013-02.csv"]),
        ("**/{partition}.csv", ["2013-01.csv", "a/b/2013-02.csv"]),
    ],
)
@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_partitions_are_named_oldest_first_when_files_of_theirs_are_delivered(
    tmp_path: Path, files: str, names: list[str], form: str
) -> None:
    landing = form.format(land(tmp_path, *names, "trips/readme.txt"))
    found = delivered_partitions(landing, build(files))
    assert [one.key for one in found] == ["2013-01", "2013-02"]
    for one in found:
        assert len(delivered_files(landing, build(files), batch(one))) == 1


def test_partition_is_not_named_when_only_its_sidecar_or_no_key_is_there(tmp_path: Path) -> None:
    names = ["2013-01.csv.manifest.json", "2013-13.csv", "2013-1.csv", "old-2013-01.csv"]
    assert delivered_partitions(land(tmp_path, *names), build("{partition}.csv*")) == []


def test_no_partition_is_named_when_a_table_is_built_whole(tmp_path: Path) -> None:
    assert delivered_partitions(land(tmp_path, "a.csv"), build("*.csv", None)) == []


def test_partitions_are_named_when_the_landing_area_is_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(tmp_path) as store:
        store.make_bucket("lake")
        for name in ("landing/trips/2013-02.csv", "landing/trips/2013-01.csv"):
            store.client.put_object("lake", name, io.BytesIO(b"x"), 1)
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)
        found = delivered_partitions("s3a://lake/landing/", build("trips/{partition}.csv"))
    assert found == [Partition.parse(PartitionUnit.MONTH, key) for key in ("2013-01", "2013-02")]
