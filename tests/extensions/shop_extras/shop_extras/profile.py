"""The work of the job `profile`; only Spark's driver imports it."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from shop_extras.jobs import ProfileReport, ProfileSpec


def run(spark: SparkSession, spec: ProfileSpec) -> ProfileReport:
    """Count in one pass over the pinned version."""
    table = spark.read.format("delta").option("versionAsOf", spec.table.version)
    frame = table.load(spec.table.uri)
    counts = [F.count_if(F.col(name).isNull()).alias(name) for name in frame.columns]
    found = frame.select(F.count("*").alias("*"), *counts).collect()[0].asDict()
    rows = found.pop("*")
    return ProfileReport(job_id=spec.job_id, rows=rows, empty=found)
