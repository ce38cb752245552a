"""How a `json_lines` file is read; only Spark's driver imports it."""

from pyspark.sql import DataFrame, SparkSession

from shop_extras.sources import JsonLinesOptions


def read(spark: SparkSession, file: str, options: JsonLinesOptions) -> DataFrame:
    """The file's rows, all values as texts: the contract says what they are."""
    rows = spark.read.option("primitivesAsString", True).option("mode", "FAILFAST").json(file)
    return rows if options.inside is None else rows.select(f"{options.inside}.*")
