"""Delta tables as Spark writes them; run as a module it writes them all below a folder.

In a process of its own: what looks at tables without Spark is tested without it.
"""

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.testing.spark import small_session

COMMITS, ROWS_EACH = 14, 10


def rows(spark: SparkSession, first: int, count: int = ROWS_EACH) -> DataFrame:
    """Rows with a column of each kind that the log has statistics of."""
    number = F.col("id")
    return spark.range(first, first + count, numPartitions=1).select(
        "id",
        F.when(number % 3 > 0, number.cast("int")).alias("sometimes"),
        F.lit(None).cast("int").alias("never"),
        (number * 1.1).alias("double"),
        (number * 1.1).cast("float").alias("float"),
        F.when(number % 10 == 4, F.lit(float("nan"))).otherwise(number).alias("nan"),
        (number * 7 - 50).cast("decimal(10,2)").alias("decimal"),
        (number * 7 - 50).cast("decimal(30,5)").alias("long_decimal"),
        F.concat(F.lit("ä text that is longer than the log keeps, "), number).alias("text"),
        F.expr("date_add(DATE'1969-12-20', CAST(id AS INT))").alias("day"),
        F.timestamp_micros(number * 1_234_567 - 50_000_000).alias("at"),
        F.timestamp_micros(number * 1_234_567).cast("timestamp_ntz").alias("local"),
        (number % 2 == 0).alias("flag"),
        F.encode(F.lit("bytes"), "utf-8").alias("bytes"),
        (number % 100).cast("tinyint").alias("tiny"),
        F.struct(number.alias("inner"), F.lit("x").alias("letter")).alias("nested"),
        F.array(number).alias("list"),
        F.create_map(F.lit("key"), number).alias("map"),
    )


def readings(spark: SparkSession, uri: str) -> None:
    """14 commits of 10 rows, a checkpoint at the tenth."""
    for number in range(COMMITS):
        batch = rows(spark, number * ROWS_EACH).withColumn("_partition", F.lit(f"2013-{number:02}"))
        batch.write.format("delta").mode("append").partitionBy("_partition").save(uri)


def changed(spark: SparkSession, uri: str) -> None:
    """Everything that a pipeline, its maintenance and its owner do to a table."""
    at = f"delta.`{uri}`"
    keys = ("2013-01", "a b/c:d%e", "ü")
    batch = rows(spark, 0, 30).withColumn(
        "_partition", F.element_at(F.array(*map(F.lit, keys)), (F.col("id") % 3 + 1).cast("int"))
    )
    batch.write.format("delta").partitionBy("_partition").save(uri)
    again = batch.where("_partition = 'ü'").withColumn("added", F.col("id").cast("string"))
    again.write.format("delta").mode("overwrite").option("replaceWhere", "_partition = 'ü'").option(
        "mergeSchema", "true"
    ).save(uri)
    batch.select("id", "_partition").write.format("delta").mode("append").save(uri)
    again.createOrReplaceTempView("source")
    spark.sql(f"DELETE FROM {at} WHERE text IS NULL AND id < 5")
    spark.sql(
        f"MERGE INTO {at} AS t USING source AS s ON t.id = s.id AND t.text = s.text "
        "WHEN MATCHED THEN UPDATE SET t.double = s.double + 1"
    )
    spark.sql(f"DELETE FROM {at} WHERE id = 3")
    spark.sql(f"ALTER TABLE {at} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    spark.sql(f"ALTER TABLE {at} RENAME COLUMN double TO `a double, renamed`")
    spark.sql(f"ALTER TABLE {at} DROP COLUMN never")
    spark.sql(f"DELETE FROM {at} WHERE _partition = '2013-01'")
    spark.sql(f"RESTORE TABLE {at} TO VERSION AS OF 5")
    spark.sql(f"ALTER TABLE {at} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.sql(f"DELETE FROM {at} WHERE id IN (4, 7)")
    spark.sql(f"DELETE FROM {at} WHERE id = 10")
    spark.sql(f"OPTIMIZE {at}")
    spark.sql(f"VACUUM {at}")


def main(folder: Path) -> None:
    """Write all tables."""
    spark = small_session(folder)
    readings(spark, str(folder / "readings"))
    changed(spark, str(folder / "changed"))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
