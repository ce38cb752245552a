"""gold.visits: what is measured at a visit, and the progression that a check the same evening gives."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def gold_visits(visits: DataFrame) -> DataFrame:
    """One row per visit, with the time at which its outcome is known."""
    measures = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    known = F.timestamp_seconds(F.unix_seconds("measured_at") + 12 * 3600)
    return visits.select(
        "patient",
        "measured_at",
        F.when(F.col("sex") == 1, "a").otherwise("b").alias("sex"),
        *measures,
        "progression",
        known.alias("known_at"),
        "_source_file",
        "_source_row",
    )
