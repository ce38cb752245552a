"""The page of a gate's record: what a person reads, and that nothing on it acts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from headrace_jobs.tables import gate
from headrace_jobs.tables.gate_page import share
from headrace_schemas.wire.table_jobs import GateReport
from tests.jobs.batches import (
    HEADER,
    READINGS,
    Batch,
    contract,
    custom,
    failure,
    properties,
    table_rule,
)
from tests.page_safety import CLOSED, dangers, visit

GOOD = "a,2024-05-01T00:00:00Z,1.5,1"

FETCHES = '<img src="http://elsewhere.invalid/seen.png" onerror=alert(1)>'
RUNS = "</script></style></title><script>alert(2)</script>"
ACTS = """"'><svg onload=alert(3)><a href="javascript:alert(4)">here</a>"""
MOVES = '<meta http-equiv="refresh" content="0;url=http://elsewhere.invalid/gone">{{ 7 * 7 }}\u202e'
DELIVERED = """"'><img src=x onerror=alert(5)>.csv"""
HOSTILE = f"{FETCHES}{RUNS}{ACTS}{MOVES}"


def hostile_report(spark: SparkSession, folder: Path) -> tuple[Batch, GateReport]:
    """Hostile wherever a name or a text can be: a rule that holds, one that does not, a file."""
    broken = {
        "name": f"broken {HOSTILE}",
        "description": f"says {HOSTILE}",
        "type": "library",
        "metric": "invalidValues",
        "mustBe": 0,
        "arguments": {"validValues": [1.5]},
    }
    silent = {
        **broken,
        "name": f"silent {HOSTILE}",
        "arguments": {"pattern": HOSTILE.replace("{", "")},
    }
    del silent["description"]
    tables = [
        {
            "name": f"found {HOSTILE}",
            "type": "sql",
            "mustBe": "other",
            "severity": "warning",
            "query": f"SELECT '{ACTS.replace(chr(39), '')}' FROM {{table}} LIMIT 1",
        },
        {
            "name": f"holds {HOSTILE}",
            "description": HOSTILE,
            "type": "library",
            "metric": "rowCount",
            "mustBeGreaterThan": 0,
        },
    ]
    columns = yaml.safe_load(READINGS)
    columns[2]["name"] = f"kilowatts {FETCHES}"
    columns[2]["quality"] = [broken]
    columns[0]["quality"] = [silent]
    declared = contract(folder, yaml.safe_dump(columns), yaml.safe_dump(tables))
    declared = declared.model_copy(update={"version": HOSTILE, "description": HOSTILE})
    batch = Batch(spark, folder, declared)
    batch.partition = None
    header = HEADER.replace("kilowatts", '"' + f"kilowatts {FETCHES}".replace('"', '""') + '"')
    batch.load(batch.deliver(f"{header}\n{GOOD}\nb,2024-05-01T00:00:00Z,2.5,1\n", DELIVERED))
    spec = batch.gate_spec().model_copy(update={"run_id": f"manual {HOSTILE}"})
    return batch, gate.run(spark, spec)


def test_nothing_acts_when_names_and_texts_are_hostile(spark: SparkSession, tmp_path: Path) -> None:
    batch, report = hostile_report(spark, tmp_path)
    page = batch.record / "index.html"
    text = page.read_text()
    assert dangers(text, "result.json") == []
    assert "{{ 7 * 7 }}" in text
    bad = failure(report.failures, f"broken {HOSTILE}")
    assert bad.examples == (f"readings/{DELIVERED}:2",)
    with visit() as seen:
        seen.open(page.as_uri())
        assert seen.page.title() == "Failed: bronze.readings"
        assert seen.asked == [page.as_uri()]
        assert seen.dialogs == []
        assert not [one for one in seen.elements() if one.startswith(("script", "img", "link"))]
        assert not [one for one in seen.elements() if " on" in one]
        shown = seen.page.locator("main").inner_text()
        for told in (f"broken {HOSTILE}", f"says {HOSTILE}", f"manual {HOSTILE}", bad.examples[0]):
            assert told in shown


def test_hostile_page_acts_when_it_is_not_closed(tmp_path: Path) -> None:
    page = tmp_path / "open.html"
    page.write_text(f"<title>x</title>{FETCHES}{ACTS}")
    for found in (
        "<img>",
        "<img src=",
        "<img onerror=",
        "<svg onload=",
        "<a href=",
        "policies: []",
    ):
        assert any(one.startswith(found) for one in dangers(page.read_text()))
    with visit() as seen:
        seen.open(page.as_uri())
        assert set(seen.dialogs) == {"1", "3"}
        assert "http://elsewhere.invalid/seen.png" in seen.asked


def test_page_tells_verdict_counts_and_rules_when_rows_are_bad(
    spark: SparkSession, tmp_path: Path
) -> None:
    columns = properties("logicalTypeOptions: {maximum: 100}")
    quality = table_rule('type: sql, query: "SELECT count(*) FROM {table}", mustBeGreaterThan: 7')
    batch = Batch(spark, tmp_path, contract(tmp_path, columns, quality))
    batch.as_of = datetime(2024, 6, 1, 12, tzinfo=UTC)
    bad = [f"secret-{n},2024-05-03T00:00:00Z,98765.25,1" for n in range(7)]
    batch.load_rows(GOOD, "b,2024-05-01T01:00:00Z,2.5,x", *bad)
    batch.gate()
    with visit() as seen:
        seen.open((batch.record / "index.html").as_uri())
        assert seen.page.title() == "Failed: bronze.readings 2024-05"
        assert seen.page.get_attribute("html", "lang") == "en"
        verdict = seen.page.get_by_label("Verdict").inner_text()
        assert "Failed" in verdict
        assert "Nothing was published." in verdict
        assert "8 of 9 rows would go to quarantine" in verdict
        rows = seen.page.locator("table.rows").inner_text()
        assert "9 in = 1 out + 8 to quarantine" in rows
        assert "88.9%" in rows
        first, second, third = seen.page.locator("table.rules").first.locator("tbody tr").all()
        assert "readings.rule" in first.inner_text()
        assert "found 1" in first.inner_text()
        assert "holds the whole batch back" in first.inner_text()
        assert "7 of 8 rows (87.5%)" in second.inner_text()
        assert "readings/one.csv:3" in second.inner_text()
        assert "and 2 more" in second.inner_text()
        assert "1 of 9 rows (11.1%)" in third.inner_text()
        assert not seen.page.get_by_text("meter.required").is_visible()
        seen.page.get_by_text("Show all").click()
        assert seen.page.get_by_text("meter.required").is_visible()
        about = seen.page.locator("dl").inner_text()
        for told in ("version 1.0.0", "test", "2024-06-01 12:00:00 UTC", "result.json"):
            assert told in about
        assert "secret" not in seen.page.content()
        assert "98765" not in seen.page.content()
        seen.page.get_by_role("link", name="result.json").click()
        assert seen.page.url.endswith("/record/result.json")


def test_page_needs_no_sideways_scrolling_when_the_screen_is_small(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch, _ = hostile_report(spark, tmp_path)
    with visit() as seen:
        seen.open((batch.record / "index.html").as_uri())
        for width in (320, 390, 1280):
            seen.page.set_viewport_size({"width": width, "height": 740})
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_says_what_holds_when_a_rule_has_no_words(spark: SparkSession, tmp_path: Path) -> None:
    columns = properties(
        custom("expect_column_values_to_be_between", "{min_value: 0, max_value: 4}")
    )
    quality = table_rule('type: sql, query: "SELECT count(*) FROM {table}", mustBe: 1')
    batch = Batch(spark, tmp_path, contract(tmp_path, columns, quality))
    batch.load_rows(GOOD)
    batch.gate()
    page = (batch.record / "index.html").read_text()
    assert "Every rule holds." in page
    assert "column values to be between" in page
    assert "column: kilowatts, max_value: 4, min_value: 0" in page
    assert "value = 1, where value is: SELECT count(*) FROM {batch}" in page
    assert "found 1" in page
    assert CLOSED.split(";")[0] in page


@pytest.mark.parametrize(
    ("rows", "of", "told"),
    [
        (0, 0, "-"),
        (0, 9, "0%"),
        (9, 9, "100%"),
        (1, 10**6, "<0.1%"),
        (10**6 - 1, 10**6, ">99.9%"),
        (1, 3, "33.3%"),
        (1, 2, "50%"),
    ],
)
def test_share_is_none_or_all_only_when_it_is(rows: int, of: int, told: str) -> None:
    assert share(rows, of) == told
