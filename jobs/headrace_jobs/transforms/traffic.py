"""How busy an origin is: flights due, flights gone, flights that wait."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_jobs.transforms.punctuality import HOUR, appearing, standing_counts

ORIGIN = ("origin",)


def traffic(asked: DataFrame, flights: DataFrame) -> DataFrame:
    """By origin and `HOUR`: how many flights left of late, and how many wait.

    The schedule is known long before; that a flight has left is known when it has. A flight that was due and
    has not left waits, or is cancelled: before departure nobody can tell, and neither does this.

    Args:
        asked: Flights that are asked about, with `HOUR`.
        flights: All flights, cancelled ones too.
    """
    frames = [asked.select(*ORIGIN, HOUR).distinct()]
    for hours in (3, 6):
        due, gone = {f"due_{hours}h": F.lit(1)}, {f"gone_{hours}h": F.lit(1)}
        frames.append(appearing(flights, ORIGIN, "departs_at", hours, due))
        frames.append(appearing(flights, ORIGIN, "departed_at", hours, gone))
    return standing_counts(frames, ORIGIN).select(
        *ORIGIN, HOUR,
        F.col("gone_3h").alias("origin_gone_3h"),
        (F.col("due_3h") - F.col("gone_3h")).alias("origin_waiting_3h"),
        (F.col("due_6h") - F.col("gone_6h")).alias("origin_waiting_6h"),
    )  # fmt: skip
