"""gold.order_features: one row per order, with what was known when it came."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

SECONDS_PER_HOUR = 3600


def order_features(orders: DataFrame) -> DataFrame:
    """Say when each order came and how many came just before it; every row passes."""
    second = F.unix_seconds("ordered_at")
    hour_before = (
        Window.partitionBy(F.to_date("ordered_at"))
        .orderBy(second)
        .rangeBetween(-SECONDS_PER_HOUR, -1)
    )
    return orders.select(
        "order_id",
        "ordered_at",
        "channel",
        "items",
        F.col("amount").cast("double").alias("amount"),
        F.hour("ordered_at").alias("hour"),
        F.weekday("ordered_at").alias("weekday"),
        F.count("*").over(hour_before).alias("orders_last_hour"),
        ((F.unix_seconds("packed_at") - second) / 60).alias("minutes_to_pack"),
        "packed_at",
        # Handed on, so that a row in quarantine says which delivered file and row it is from.
        "_source_file",
        "_source_row",
    )
