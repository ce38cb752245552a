"""What the demo tells at its end, from small lakes written without Spark."""

import html
import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import markupsafe
import pytest
from rich.console import Console

from headrace_lake import story
from headrace_lake.decision_story import DecisionStory
from headrace_lake.story import BatchRows, Story, WindowStory
from headrace_launcher.project.report import write_page
from headrace_launcher.project.report_table import answered, terminal_table
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance
from headrace_schemas.decisions.gains import PooledGain
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake
from tests.launcher.told import write_story
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
    assert text.count("<svg") == 4


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
            told=hostile_story(one, hostile),
        )
        for one in evidence
    )
    catalog = Catalog.load(SCHEMAS)
    model = catalog.models["delay"].model_copy(update={"description": hostile})
    account = BatchRows("silver.weather", "2013-02", 2, 1, 1, broken_rules={hostile: 1})
    story = Story(catalog.pipelines["flights"], model, lines, (account,))
    links = {"Airflow": "http://localhost:1"}
    page = write_page(story, tmp_path / "report", FEBRUARY, links)
    own = ["index.html", "delay.2013-01.html", "delay.2013-02.html"]
    for name in own:
        file = page.with_name(name)
        assert dangers(file.read_text(), *links.values(), *own) == []
        with visit() as seen:
            seen.open(file.as_uri())
            assert seen.asked == [file.as_uri()]
            assert seen.dialogs == []
            assert not [one for one in seen.elements() if one.startswith(("script", "img", "link"))]
            assert hostile in seen.page.locator("body").inner_text()


def hostile_story(evidence: MonitorEvidence, hostile: str) -> DecisionStory:
    """A decision in full, of which every text is hostile."""
    incident = Incident(scope=Scope.ROWS, subject=hostile, sign=hostile, value=1, text=hostile)
    drift = Signal(
        question=Question.INPUTS, subject=hostile, method=hostile, value=1, why_not=hostile
    )
    gain = PooledGain(hostile, hostile, 1, 9, 0.1, 0.05, is_pilot=False)
    return DecisionStory(
        decision=decision(
            Verdict.HOLD,
            model="delay",
            window=evidence.window,
            reason=hostile,
            would_change=hostile,
        ),
        evidence=evidence.model_copy(update={"incidents": (incident,), "signals": (drift,)}),
        gains=(gain,),
        price=0.01,
        is_held=True,
        releases=(decision(Verdict.RELEASE, model="delay", reason=hostile),),
        answer=decision(Verdict.REFUSE, model="delay", reason=hostile, model_version=hostile),
    )


@pytest.fixture
def year(tmp_path: Path) -> Story:
    """Months of which one is released, one held and one trained on; and one without a decision."""
    write_story(tmp_path)
    catalog = Catalog.load(SCHEMAS)
    months = [Partition.parse(PartitionUnit.MONTH, f"2013-{month:02}") for month in range(2, 7)]
    return story.story_of(
        lake(tmp_path), catalog.pipelines["flights"], catalog.models["delay"], months
    )


def test_model_s_page_says_first_what_matters_when_windows_are_held(year, tmp_path):
    page = write_page(year, tmp_path / "report", FEBRUARY, {})
    text = page.read_text()
    said = [
        "delay 2013-05: train, because retraining pays",
        "Held as data incidents: 2013-04. release.delay asks a person about them.",
        "1 of 4 decisions asked for a training. Versions promoted: 1, refused: 1",
        "Concept drift in 2013-06 can be known from 2013-07-",
    ]
    places = [text.index(html.escape(sentence)) for sentence in said]
    assert places == sorted(places)
    assert places[-1] < text.index("<svg")
    for word in ("decided to hold", "price of a retraining", "interval of 95 %"):
        assert word in text  # matplotlib leaves texts in comments


def test_page_of_a_window_and_json_tell_the_same_when_written(year, tmp_path):
    page = write_page(year, tmp_path / "report", FEBRUARY, {})
    found = json.loads(page.with_name("index.json").read_text())
    assert found["sentences"][0].startswith("delay 2013-05: train")
    by_window = {one["partition"]: one["told"] for one in found["partitions"]}
    assert by_window["2013-06"] is None
    told = by_window["2013-04"]
    assert (told["verdict"], told["is_held"]) == ("hold", True)
    text = page.with_name("delay.2013-04.html").read_text()
    for section in told["sections"]:
        for words in (*section["sentences"], *(cell for row in section["rows"] for cell in row)):
            assert str(markupsafe.escape(words)) in text
    assert 'href="delay.2013-04.html"' in page.read_text()


def test_terminal_says_whether_a_hold_is_over(year):
    console = Console(width=250, record=True, file=StringIO())
    console.print(terminal_table(year))
    lines = console.export_text().splitlines()
    assert any("2013-03" in line and "hold, over" in line for line in lines)
    assert any("2013-04" in line and "│ hold " in line for line in lines)


@pytest.mark.parametrize(("seen", "is_whole"), [(1, True), (2, False)])
def test_batch_is_named_when_its_rows_do_not_add_up(told, seen, is_whole):
    gate_saw(told, rows=seen)
    story = story_of(told)
    assert [one.batch for one in story.unbalanced] == ([] if is_whole else ["2013-02"])
    text = write_page(story, told / "report", FEBRUARY, {}).read_text()
    assert ("All batches add up" in text) is is_whole
