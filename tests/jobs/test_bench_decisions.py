"""The bench of decisions on short lives."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.decisions import own
from benchmarks.decisions.figures import NEVER, OWN, of_world
from benchmarks.decisions.others import POLICIES
from benchmarks.decisions.page import BEGIN, END, tables, written
from benchmarks.decisions.scenarios import SCENARIOS
from benchmarks.decisions.worlds import Scenario, world_of

CHANGE = 5
ROOT = Path(__file__).parents[2]


CONCEPT = own.mixing(lambda month: float(month >= CHANGE))

ABRUPT = Scenario(
    "abrupt",
    "another concept from the sixth month on",
    own.monthly(own.mixed, CONCEPT),
    own.MIXED,
    rows=400,
    history=3,
    months=8,
    changes=(CHANGE,),
)


@pytest.fixture(scope="module")
def lived():
    return of_world(ABRUPT, 0, (1.0,))


def by_policy(rows):
    return {row["policy"]: row for row in rows}


def test_nothing_is_trained_when_nothing_is_to_be_gained():
    still = replace(SCENARIOS["stationary 200"], history=12, months=16)
    rows = by_policy(of_world(still, 0, (1.0,)))
    assert list(rows) == [OWN, NEVER, *POLICIES]
    assert (rows[OWN]["trainings"], rows[OWN]["held_falsely"], rows[NEVER]["trainings"]) == (
        0,
        0,
        0,
    )
    assert rows["monthly"]["trainings"] == 3  # the newest month's would serve nobody
    assert rows[OWN]["excess"] == pytest.approx(rows[NEVER]["possible"], abs=1e-9)
    assert rows["monthly"]["excess"] > 2 * rows["monthly"]["cost"]


def test_a_changed_concept_is_learnt_soon_and_costs_less_than_never_when_a_policy_sees_it(lived):
    rows = by_policy(lived)
    assert rows[OWN]["learnt_soon"] == 1
    assert rows[NEVER]["learnt_soon"] == 0
    assert rows[NEVER]["best"] >= 1
    assert rows[OWN]["excess"] < rows[NEVER]["excess"] / 2
    assert rows[OWN]["loss"] < rows[NEVER]["loss"]


def test_a_life_is_the_same_when_it_is_lived_again(lived):
    assert of_world(ABRUPT, 0, (1.0,)) == lived


def test_months_say_what_was_delivered_and_what_is_true_when_a_month_is_broken():
    world = world_of(SCENARIOS["labels all one"], 0)
    usual, broken = world.months[own.CHANGE - 1], world.months[own.CHANGE]
    assert broken.target.mean() > 0.95
    assert broken.truth.mean() == pytest.approx(usual.truth.mean(), abs=0.1)


def test_tables_are_exchanged_on_a_page_when_it_is_written_again(lived):
    text = tables(lived, [ABRUPT.name], (1.0,))
    page = f"head\n{BEGIN}\nold\n{END}\nfoot\n"
    assert written(page, text) == f"head\n{BEGIN}\n\n{text}\n\n{END}\nfoot\n"


def test_worlds_are_played_by_two_processes_and_kept_when_it_is_run_as_a_program(tmp_path):
    kept = tmp_path / "kept.jsonl"
    command = ["-m", "benchmarks.decisions", "--scenarios", "tiny windows", "--costs", "1"]
    runs = [
        subprocess.run(
            [sys.executable, *command, "--seeds", seeds, "--kept", str(kept)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        for seeds in ("1", "2")
    ]

    assert "1 of 1," in runs[0].stderr
    assert "1 of 1," in runs[1].stderr  # the first one is there already
    assert "1 scenarios, 2 worlds each." in runs[1].stdout
    seeds = {json.loads(line)["seed"] for line in kept.read_text().splitlines()}
    assert seeds == {0, 1}
