"""Sketches: what is kept of a column of a window."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.statistics import histograms
from headrace_jobs.statistics.bin_counts import counts, feature_of, profile
from headrace_jobs.statistics.number_grid import bounds, coarser, keys_of, numbers_of
from headrace_jobs.statistics.sketches import (
    BUCKETS,
    CATEGORIES,
    HEAVY,
    ColumnSketch,
    merged,
    sketch,
)
from headrace_jobs.statistics.window_sketches import (
    keep_sketches,
    kept_sketches,
    sketches_of_rows,
    sketches_of_table,
)
from headrace_schemas.decisions.profile import LEVELS

RANDOM = np.random.default_rng(11)
ROWS = 20_000
NORMAL = RANDOM.normal(size=ROWS)

COLUMNS = {
    "normal": NORMAL,
    "heavy tails": np.exp(3 * NORMAL),
    "far from zero": 1.7e9 + RANDOM.uniform(0, 2e6, ROWS),
    "mostly zero": np.where(RANDOM.random(ROWS) < 0.7, 0.0, NORMAL),
    "constant": np.full(ROWS, 5.0),
    "many integers": RANDOM.integers(0, 5000, ROWS),
    "few integers": RANDOM.poisson(3, ROWS),
    "infinite": np.where(RANDOM.random(ROWS) < 0.1, np.inf, NORMAL),
    "never there": np.full(ROWS, np.nan),
    "one row": np.array([3.5]),
    "no rows": np.array([]),
}

FLOATS = st.lists(
    st.one_of(
        st.floats(width=32),
        st.sampled_from([0.0, -0.0, 1.0, 1.0, float("nan"), float("inf"), 1e-45, -1e-45]),
    ),
    max_size=60,
)


def number(values: Any) -> ColumnSketch:
    return sketch(FeatureKind.NUMBER, pd.Series(values, dtype="float32"))


def names(values: Any) -> ColumnSketch:
    return sketch(FeatureKind.CATEGORY, pd.Series(values, dtype=object))


@given(FLOATS)
def test_keys_are_ordered_as_numbers_and_lead_back_to_them(values: list[float]) -> None:
    numbers = np.sort(np.array([each for each in values if each == each], dtype=np.float32))

    keys = keys_of(numbers)

    assert (np.diff(keys) >= 0).all()
    assert ((np.diff(keys) == 0) == (numbers[1:] == numbers[:-1])).all()
    assert np.array_equal(numbers_of(keys), numbers)


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(0, 23))
def test_a_key_lies_within_its_bucket(key: int, shift: int) -> None:
    bucket = coarser(np.array([key]), shift)
    low, high = bounds(bucket, shift)

    assert low[0] <= key <= high[0]
    assert (coarser(np.array([low[0], high[0]]), shift) == bucket).all()


@pytest.mark.parametrize("name", COLUMNS)
def test_parts_merge_to_the_sketch_of_all_rows_when_split_anyhow(name: str) -> None:
    values = COLUMNS[name]
    whole = number(values)

    parts = merged([number(values[start::3]) for start in (2, 0, 1)])

    keys = np.array([whole.range or (0, 0)]).ravel()
    if whole.buckets.size:
        keys = bounds(whole.buckets, whole.shift)[1]
    assert parts.shift == whole.shift
    assert parts.up_to(keys.astype(float)) == pytest.approx(
        whole.up_to(keys.astype(float)), abs=ROWS / HEAVY
    )
    assert (parts.rows, parts.missing, parts.range) == (whole.rows, whole.missing, whole.range)
    assert parts.distinct == whole.distinct


@settings(deadline=None)
@given(FLOATS, FLOATS)
def test_merging_is_the_same_either_way_round(left: list[float], right: list[float]) -> None:
    one, other = number(left), number(right)

    assert merged([one, other]).as_text() == merged([other, one]).as_text()
    assert merged([one, number([])]).as_text() == one.as_text()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_sketch_is_read_as_it_was_written_and_is_small(name: str) -> None:
    found = number(COLUMNS[name])

    assert ColumnSketch.from_text(found.as_text()).as_text() == found.as_text()
    assert len(found.as_text()) < 30_000
    assert found.buckets.size <= BUCKETS


@pytest.mark.parametrize(
    "name", [name for name in COLUMNS if name not in ("never there", "no rows")]
)
def test_quantiles_are_the_values_own_when_read_from_a_sketch(name: str) -> None:
    values = COLUMNS[name].astype(np.float32)
    found = number(values).quantiles(LEVELS)

    exact = np.sort(values)
    share_below = np.searchsorted(exact, found, side="left") / values.size
    share_up_to = np.searchsorted(exact, found, side="right") / values.size
    assert (share_below - 0.006 <= LEVELS).all()
    assert (share_up_to + 0.006 >= LEVELS).all()
    assert (found[0], found[-1]) == (exact[0], exact[-1])


@pytest.mark.parametrize("name", COLUMNS)
def test_bins_hold_the_very_rows_of_a_reference_when_counted_from_its_sketch(name: str) -> None:
    values = pd.Series(COLUMNS[name], dtype="float32")
    reference = number(values)
    feature = feature_of("x", reference)

    found = counts(feature, reference)

    assert found / max(len(values), 1) == pytest.approx(histograms.shares(feature, values))
    assert found.sum() == len(values)
    assert feature.histogram.heavy == histograms.number_bins(values).heavy


def test_bins_of_training_are_filled_when_their_edges_are_on_no_grid() -> None:
    trained, later = (
        pd.Series(NORMAL, dtype="float32"),
        pd.Series(NORMAL[:9000] * 2, dtype="float32"),
    )
    bare = Feature(name="x", type="DOUBLE", kind=FeatureKind.NUMBER)
    feature = bare.model_copy(update={"histogram": histograms.reference(bare, trained)})

    found = counts(feature, number(later)) / len(later)

    assert found == pytest.approx(histograms.shares(feature, later), abs=0.005)


@pytest.mark.parametrize("truths", [0, 40, 100])
def test_a_flag_has_its_two_bins_when_read_from_a_sketch(truths: int) -> None:
    values = pd.Series([1.0] * truths + [0.0] * (100 - truths) + [np.nan] * 5, dtype="float32")
    found = sketch(FeatureKind.FLAG, values)
    feature = feature_of("x", found)

    assert counts(feature, found).tolist() == [100 - truths, truths, 5]
    assert profile(feature, found).zero == pytest.approx((100 - truths) / 105)


def test_heavy_values_are_counted_to_the_row_when_their_neighbours_are_close() -> None:
    values = np.concatenate([np.full(9000, 10.0), 10 + RANDOM.uniform(0.001, 0.01, 11_000)])
    found = number(values)

    feature = feature_of("x", found)
    moved = counts(feature, number(np.where(values == 10, 10.05, values)))

    assert feature.histogram.heavy == (10.0,)
    assert counts(feature, found)[-2] == 9000
    assert moved[-2] == 0
    assert moved[-3] == pytest.approx(9000, rel=0.01)


def test_categories_are_known_other_unseen_or_missing() -> None:
    trained = ["a"] * 60 + ["b"] * 30 + [f"rare {index}" for index in range(40)] + [None] * 10
    feature = feature_of("x", names(trained))
    window = names(["a", "rare 3", "rare 39", "new", "new", None])

    found = counts(feature, window)

    assert found[:1] == [1]
    assert found.tolist()[-2:] == [2, 1]
    assert found.sum() == 6
    assert profile(feature, window).unseen == pytest.approx(2 / 6)


def test_rows_of_rare_categories_are_known_ones_when_there_are_too_many_to_count() -> None:
    values = [f"customer {index}" for index in RANDOM.integers(0, 10_000, ROWS)]
    found = names(values)

    assert len(found.heavy) == CATEGORIES
    assert sum(found.heavy.values()) + found.rest == ROWS
    assert found.distinct == pytest.approx(len(set(values)), rel=0.15)
    assert counts(feature_of("x", found), found)[-2] == 0


def test_a_profile_says_what_is_off_when_a_column_stands_still() -> None:
    values = [np.nan] * 10 + [0.0] * 30 + [2.0, 2.0, 3.0, 2.0] * 15
    found = number(values)

    seen = profile(feature_of("x", found), found)

    assert (seen.rows, seen.distinct, seen.length) == (100, 3, None)
    assert (seen.missing, seen.zero, seen.top, seen.longest_run) == (0.1, 0.3, 0.45, 0.3)
    assert seen.quantiles == tuple(np.quantile(values[10:], LEVELS, method="inverted_cdf"))


@pytest.mark.parametrize(
    ("values", "longest"),
    [([], 0), ([1, 1, 2], 2), ([1, None, 1, 1], 2), ([None, None, None], 0), ([3, 3, 3], 3)],
)
def test_a_run_ends_where_a_value_is_missing(values: list[float | None], longest: int) -> None:
    texts = [None if each is None else str(each) for each in values]

    assert number(values).longest_run == longest
    assert names(texts).longest_run == longest


def test_texts_have_their_mean_length() -> None:
    found = names(["ab", "abcd", None, "ab"])

    assert profile(feature_of("x", found), found).length == pytest.approx(8 / 3)


FEATURES = [
    Feature(name="distance", type="DOUBLE", kind=FeatureKind.NUMBER),
    Feature(name="is_late", type="BOOLEAN", kind=FeatureKind.FLAG),
    Feature(name="origin", type="STRING", kind=FeatureKind.CATEGORY),
]


def test_spark_tasks_give_the_sketches_of_all_rows(spark: SparkSession) -> None:
    start = datetime(2024, 4, 1, tzinfo=UTC)
    rows = [
        (
            start + timedelta(seconds=index),
            None if index % 9 == 0 else float(NORMAL[index]),
            index % 3 == 0,
            [None, "JFK", "LGA"][index % 3],
        )
        for index in range(3000)
    ]
    frame = spark.createDataFrame(
        rows, "at TIMESTAMP, distance DOUBLE, is_late BOOLEAN, origin STRING"
    )
    columns = pd.DataFrame(rows, columns=["at", *[feature.name for feature in FEATURES]])
    here = sketches_of_rows(
        FEATURES,
        {
            "distance": columns["distance"],
            "is_late": columns["is_late"].astype("float32"),
            "origin": columns["origin"],
        },
    )

    one = sketches_of_table(frame.coalesce(1), FEATURES, "at")
    four = sketches_of_table(frame.repartition(4, "distance"), FEATURES, "at")

    for name, found in here.items():
        assert one[name].as_text() == found.as_text()
        binned = feature_of(name, found)
        assert counts(binned, four[name]).tolist() == counts(binned, found).tolist()
    nothing = sketches_of_table(frame.where("distance > 1e9"), FEATURES, "at")
    assert [each.rows for each in nothing.values()] == [0, 0, 0]


def test_a_windows_sketches_are_kept_when_it_is_read_again(tmp_path: Path) -> None:
    uri, april = str(tmp_path), {"x": number(NORMAL), "town": names(["a", "it's", None])}
    keep_sketches("late", uri, "2024-04", april, "{}")
    version = keep_sketches("late", uri, "2024-05", {"x": number([1.0])}, "{}")

    again = keep_sketches("late", uri, "2024-04", april, "{}")
    keep_sketches("late", uri, "2024-05", {"x": number([2.0]), "y": number([])}, "{}")

    assert again == version
    found = kept_sketches("late", uri)
    assert {key: sorted(each) for key, each in found.items()} == {
        "2024-04": ["town", "x"],
        "2024-05": ["x", "y"],
    }
    assert found["2024-04"]["x"].as_text() == april["x"].as_text()
    assert found["2024-04"]["town"].heavy == {"a": 1, "it's": 1}
    assert list(kept_sketches("late", uri, ["2024-05"])) == ["2024-05"]
    assert DeltaTable(uri).metadata().partition_columns == ["_partition"]
