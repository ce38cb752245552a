"""The cluster's files say what the code relies on."""

from pathlib import Path

from headrace_schemas.wire import spark_settings

PROJECT = Path(__file__).parents[2]


def spark_defaults() -> dict[str, str]:
    lines = (PROJECT / "deploy" / "spark" / "spark-defaults.conf").read_text().splitlines()
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    return {key: value.strip() for key, value in pairs}


def test_every_spark_of_the_cluster_has_the_settings_that_the_lake_needs() -> None:
    found = spark_defaults()
    wanted = spark_settings.DELTA | spark_settings.S3
    assert {key: found.get(key) for key in wanted} == wanted
