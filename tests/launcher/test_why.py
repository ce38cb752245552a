"""The story of a decision: the same in the terminal and for programs."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from headrace_lake.decision_story import DecisionStory
from headrace_launcher.cli.why_command import shown
from headrace_launcher.project.stories import decided
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.model_errors import UndecidedWindow
from headrace_schemas.places import Lake
from tests.launcher.told import SCHEMAS, write_story
from tests.projects import make_project


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_story(tmp_path)
    return tmp_path


def story(home: Path, window: str | None = None) -> DecisionStory:
    found = decided(Lake(root=str(home / "lake")), Catalog.load(SCHEMAS), "delay", window)
    assert found is not None
    return found


def text(found: DecisionStory) -> str:
    console = Console(width=200, record=True, file=StringIO())
    for part in shown(found):
        console.print(part)
    return console.export_text()


def test_newest_decision_is_told_when_no_window_is_named(home: Path) -> None:
    told = text(story(home))
    assert told.startswith("delay 2013-05: train, because retraining pays: ")
    assert "Version 1, learnt from labels known by 2013-02-01T00:00:00Z, served 25,000" in told
    assert "Its auc was 0.710 ± 0.008, against 0.740 ± 0.010 on its own holdout" in told
    assert "the newest 3, gains at least 0.04" in told
    assert "A gain of less than " in told
    assert "Version 2 was trained, and refused: tie." in told
    assert "share of rows that break the rule of flight_features.fast 0.01" in told


def test_inputs_stand_in_order_of_harm(home: Path) -> None:
    found = story(home)
    assert [one.subject for one in found.inputs] == ["visib", "pressure", "wind_speed"]
    assert "2 of 3 drifted; 30% of the importance lies in them." in text(found)


def test_hold_is_told_with_its_numbers_while_it_holds(home: Path) -> None:
    told = text(story(home, "2013-04"))
    assert told.startswith("delay 2013-04: hold, because data incident: missing share of visib")
    assert "up to 0.1" in told
    assert "held still: release.delay asks a person about them" in told
    assert "Not known" not in told.split("Data incidents")[0]


def test_release_is_told_with_who_gave_it(home: Path) -> None:
    told = text(story(home, "2013-03"))
    assert told.startswith("delay 2013-03: hold, over, because")
    assert "Released by Uma: the sensor was away." in told


def test_window_is_refused_when_nothing_is_decided_on_it(home: Path) -> None:
    with pytest.raises(UndecidedWindow, match=r"2014-01\. Decided on last: 2013-02, 2013-03, "):
        story(home, "2014-01")


def test_command_answers_with_one_document_when_asked_for_json(home: Path) -> None:
    project = make_project(home / "project", SCHEMAS, [SCHEMAS.parent / "jobs"])
    environment = {**os.environ, "HEADRACE_HOME": str(home), "HEADRACE_PROJECT": str(project)}
    environment.pop("HEADRACE_LAKE", None)
    done = subprocess.run(
        [sys.executable, "-m", "headrace_launcher", "why", "delay", "2013-05", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["verdict"], found["answer"]["verdict"]) == ("train", "refuse")
    assert found["gains"][0]["low"] > found["price"]
    assert found["inputs_by_harm"][0]["subject"] == "visib"
    assert found["sentence"].startswith("delay 2013-05: train")
