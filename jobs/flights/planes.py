"""silver.planes: the registered aircraft, with one spelling per manufacturer."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

MANUFACTURERS = {
    "AIRBUS": "AIRBUS",
    "AIRBUS INDUSTRIE": "AIRBUS",
    "BOEING": "BOEING",
    "BOMBARDIER INC": "BOMBARDIER",
    "CANADAIR": "BOMBARDIER",
    "CANADAIR LTD": "BOMBARDIER",
    "DOUGLAS": "MCDONNELL DOUGLAS",
    "EMBRAER": "EMBRAER",
    "MCDONNELL DOUGLAS": "MCDONNELL DOUGLAS",
    "MCDONNELL DOUGLAS AIRCRAFT CO": "MCDONNELL DOUGLAS",
    "MCDONNELL DOUGLAS CORPORATION": "MCDONNELL DOUGLAS",
}
"""Spelling in the registry → maker of airliners, under the name that its line of aircraft goes by.

Canadair's jets became Bombardier's and Douglas merged into McDonnell Douglas, so the registry spells the same
aircraft in several ways. Whoever is not listed makes light aircraft, or is the owner of a home-built one.
"""

OTHER = "OTHER"


def silver_planes(planes: DataFrame) -> DataFrame:
    """Name the columns for what they are and normalise the manufacturer; the registry's spelling stays beside."""
    return planes.select(
        "tailnum",
        F.col("year").alias("built_year"),
        "type",
        manufacturer(F.upper(F.trim("manufacturer"))).alias("manufacturer"),
        F.col("manufacturer").alias("manufacturer_registered"),
        "model",
        "engines",
        "seats",
        F.col("engine").alias("engine_type"),
        "_source_file",
        "_source_row",
    )


def manufacturer(spelling: Column) -> Column:
    """The maker behind a registry spelling: `OTHER` when it makes no airliners, NULL when none is given."""
    names = F.create_map(*(F.lit(part) for pair in MANUFACTURERS.items() for part in pair))
    return F.when(spelling.isNotNull(), F.coalesce(F.try_element_at(names, spelling), F.lit(OTHER)))
