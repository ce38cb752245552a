"""What the demo tells at its end, from small lakes written without Spark."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from headrace_lake import story
from headrace_lake.story import BatchRows, Story, WindowStory
from headrace_launcher.project.report import answered, terminal_table, write_page
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake
from tests.page_safety import dangers, visit
from tests.plugins.ledger import decision, write_ledger, write_table

SCHEMAS = Path(__file__).parents[2] / "schemas"
FEBRUARY = datetime(2013, 3, 3, tzinfo=UTC)


def gate_saw(home: Path, rows: int) -> None:
    """The gate's record of silver.weather's February."""
    file = Path(lake(home).gate_record("silver.weather", "2013-02").removeprefix("file://"))
    file.mkdir(parents=True)
    (file / "result.json").write_text(json.dumps({"meta": {"counts": {"rows_in": rows}}}))


def lake(home: Path) -> Lake:
    return Lake(root=str(home / "lake"))


def story_of(home: Path) -> Story:
    catalog = Catalog.load(SCHEMAS)
    window = Partition.parse(PartitionUnit.MONTH, "2013-02")
    return story.story_of(
        lake(home), catalog.pipelines["flights"], catalog.models["delay"], [window]
    )


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A February that asked for a training, which was refused, and a training by hand."""
    performance = Performance(metric="auc", current=0.71, reference=0.75, first=0.72)
    evidence = MonitorEvidence(
        window="2013-02", matured_partitions=2, champion="1", performance=performance
    )
    asks = decision(Verdict.TRAIN, model="delay", evidence=evidence.model_dump_json())
    refused = decision(
        Verdict.REFUSE, model="delay", request_id=asks.id, model_version="2", reason="tie"
    )
    by_hand = decision(
        Verdict.PROMOTE,
        model="delay",
        as_of=datetime(2013, 5, 3, tzinfo=UTC),
        request_id="manual:run",
        model_version="3",
        reason="better",
    )
    write_ledger(tmp_path, [asks, refused, by_hand])
    write_table(tmp_path, "silver.weather", ["2013-02"])
    return tmp_path


def test_story_names_version_and_reason_when_a_training_was_refused(told):
    gate_saw(told, rows=1)
    (line,) = story_of(told).windows
    assert (line.champion, line.current, line.first) == ("v1", 0.71, 0.72)
    assert answered(line) == "v2 refused: tie"


def test_story_tells_of_trainings_when_no_partition_asked_for_them(told):
    gate_saw(told, rows=1)
    story = story_of(told)
    assert [one.model_version for one in story.unasked] == ["3"]
    assert [one.model_version for one in story.promotions()] == ["3"]
    console = Console(width=250, record=True, file=StringIO())
    console.print(terminal_table(story))
    assert "v3 promoted: better" in console.export_text()


def test_windows_are_named_when_the_first_model_would_have_been_better(told):
    gate_saw(told, rows=1)
    story = story_of(told)
    assert story.worse_than_first() == ["2013-02"]
    page = write_page(story, told / "report", FEBRUARY, {"Airflow": "http://localhost:1"})
    text = page.read_text()
    assert "would have been better in 2013-02" in text
    assert "v3 promoted: better" in text
    assert text.count("<svg") == 2


def test_page_does_nothing_when_names_and_reasons_are_hostile(tmp_path):
    hostile = """"'></svg></title><script>alert(1)</script><img src=x onerror=alert(2)>--><a href="javascript:alert(3)">"""
    performance = Performance(metric="auc", current=0.71, reference=0.75, first=0.72)
    evidence = [
        MonitorEvidence(
            window=window, matured_partitions=2, champion=champion, performance=performance
        )
        for window, champion in (("2013-01", "1"), ("2013-02", hostile))
    ]
    lines = tuple(
        WindowStory(
            window=one.window,
            rows_in=2,
            published=1,
            quarantined=1,
            evidence=one,
            decision=decision(Verdict.TRAIN, model="delay", reason=hostile),
            answer=decision(Verdict.REFUSE, model="delay", reason=hostile, model_version=hostile),
        )
        for one in evidence
    )
    catalog = Catalog.load(SCHEMAS)
    model = catalog.models["delay"].model_copy(update={"description": hostile})
    account = BatchRows("silver.weather", "2013-02", 2, 1, 1, broken_rules={hostile: 1})
    story = Story(catalog.pipelines["flights"], model, lines, (account,))
    links = {"Airflow": "http://localhost:1"}
    page = write_page(story, tmp_path / "report", FEBRUARY, links)
    assert dangers(page.read_text(), *links.values()) == []
    with visit() as seen:
        seen.open(page.as_uri())
        assert seen.asked == [page.as_uri()]
        assert seen.dialogs == []
        assert not [one for one in seen.elements() if one.startswith(("script", "img", "link"))]
        assert hostile in seen.page.locator("body").inner_text()


@pytest.mark.parametrize(("seen", "is_whole"), [(1, True), (2, False)])
def test_batch_is_named_when_its_rows_do_not_add_up(told, seen, is_whole):
    gate_saw(told, rows=seen)
    story = story_of(told)
    assert [one.batch for one in story.unbalanced] == ([] if is_whole else ["2013-02"])
    text = write_page(story, told / "report", FEBRUARY, {}).read_text()
    assert ("All batches add up" in text) is is_whole
