"""Requests to retrain, while what hears of them dies or hears of them twice: one training for each.

The requests are written as monitoring writes them; everything after that is the real thing.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from headrace_jobs.monitoring import decide
from headrace_lake.ledger import DECISIONS
from headrace_launcher.services.airflow_api import DagRun
from headrace_schemas.decisions.decision import Decision, Kind, Verdict, champion_at
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.gain import Gain, Moments
from headrace_schemas.places import Lake
from tests.e2e.contents import ask
from tests.embedded import Embedded
from tests.faults.outages import away
from tests.jobs.learning import decide_spec
from tests.plugins.ledger import decision, write_ledger
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

MODEL, TRAIN = "progression", "train.progression"


def ledger(stack: Embedded) -> list[Decision]:
    return DECISIONS.read(Lake(root=stack.settings.lake).ledger, MODEL)


@dataclass
class Requests:
    """Requests that a test writes, and the training runs that come of them."""

    stack: Embedded
    known: frozenset[str]

    @classmethod
    def of(cls, stack: Embedded) -> "Requests":
        wait_until(stack.is_idle, "all runs ended")
        return cls(stack, frozenset(run.run_id for run in stack.runs(TRAIN)))

    def write(self) -> Decision:
        """One more request, of a window of its own."""
        latest = max(one.as_of for one in ledger(self.stack)) + timedelta(days=1)
        asked = decision(
            Verdict.TRAIN, latest, MODEL, window=f"{latest:%Y-%m-%d}", reason="inputs moved"
        )
        write_ledger(self.stack.settings.home, [asked])
        return asked

    def answers(self, asked: Decision) -> list[Decision]:
        return [one for one in ledger(self.stack) if one.request_id == asked.id]

    def wait_answered(self, asked: Decision) -> None:
        wait_until(lambda: self.answers(asked), f"{asked.id} is answered", 600)

    def runs(self) -> list[DagRun]:
        return [run for run in self.stack.runs(TRAIN) if run.run_id not in self.known]

    def training(self) -> list[DagRun]:
        """Runs whose `train` task works now."""
        return [run for run in self.runs() if self.stack.task(run, "train")["state"] == "running"]

    def trained(self) -> list[DagRun]:
        """Runs that have trained; the others found nothing to do."""
        return [run for run in self.runs() if self.stack.task(run, "train")["state"] == "success"]

    def assert_one_training_each(self, *asked: Decision) -> None:
        wait_until(self.stack.is_idle, "all runs ended", 600)
        assert {run.state for run in self.runs()} == {"success"}
        assert len(self.trained()) == len(asked)
        for one in asked:
            assert len(self.answers(one)) == 1
            assert registered_for(self.stack, one.id) == 1


def registered_for(stack: Embedded, asked: str) -> int:
    """How many versions were learnt to answer a request, as DuckDB reads it."""
    query = (
        f"SELECT count(*) AS n FROM delta_scan('{stack.lake}/ledger/versions') "
        f"WHERE answers = '{asked}'"
    )
    return int(ask({"q": query})["q"][0]["n"])


def test_one_training_answers_when_the_triggerer_is_killed_while_it_watches(
    clinic: Embedded,
) -> None:
    requests = Requests.of(clinic)
    with away(clinic, "triggerer"):
        asked = requests.write()
    requests.wait_answered(asked)
    requests.assert_one_training_each(asked)


def test_one_training_answers_when_the_triggerer_is_killed_after_it_has_called(
    clinic: Embedded,
) -> None:
    requests = Requests.of(clinic)
    asked = requests.write()
    wait_until(requests.runs, "a training is called for")
    with away(clinic, "triggerer"):
        pass
    requests.wait_answered(asked)
    requests.assert_one_training_each(asked)


def test_one_training_answers_when_its_event_comes_three_times(clinic: Embedded) -> None:
    requests = Requests.of(clinic)
    asked = requests.write()
    found = clinic.api.request("GET", "/assets", params={"name_pattern": f"retrain.{MODEL}"})
    body = {"asset_id": found["assets"][0]["id"], "extra": {"decision": asked.id}}
    wait_until(requests.runs, "a training is called for")

    with ThreadPoolExecutor(2) as echoes:
        list(echoes.map(lambda _: clinic.api.request("POST", "/assets/events", json=body), "ab"))
    wait_until(lambda: len(requests.runs()) > 1, "another training is called for")

    requests.wait_answered(asked)
    requests.assert_one_training_each(asked)


def test_both_windows_are_answered_when_drift_is_found_during_a_training(clinic: Embedded) -> None:
    requests = Requests.of(clinic)
    first = requests.write()
    wait_until(requests.training, "the first training works", 600)

    second = requests.write()

    requests.wait_answered(first)
    requests.wait_answered(second)
    requests.assert_one_training_each(first, second)


def breached(stack: Embedded) -> Decision:
    """What `decide` writes of one more window, in which a retrained model would have gained much."""
    known, model = ledger(stack), stack.catalog.models[MODEL]
    as_of = max(one.as_of for one in known) + timedelta(days=1)
    evidence = MonitorEvidence(
        window=f"{as_of:%Y-%m-%d}",
        matured_partitions=9,
        champion=champion_at(known, MODEL, as_of),
        rows=900,
        labelled=900,
        gains=(
            Gain(
                family="all",
                since="2024-03-01",
                learnt_rows=900,
                difference=Moments(rows=900, mean=900.0, variance=1.0),
            ),
        ),
        base_loss=1000.0,
    )
    lake = Lake(root=stack.settings.lake)
    spec = decide_spec(model, evidence, Path(lake.ledger.removeprefix("file://")), tuple(known))
    return decide.run(spec.model_copy(update={"as_of": as_of})).decision


def test_one_training_answers_when_three_windows_are_breached_while_it_runs(
    clinic: Embedded,
) -> None:
    requests = Requests.of(clinic)
    asked = breached(clinic)
    assert asked.verdict is Verdict.TRAIN
    wait_until(requests.training, "the training works", 600)

    breaches = [breached(clinic) for _ in range(2)]

    assert {one.verdict for one in breaches} == {Verdict.KEEP}
    assert all("asked for already" in one.reason for one in breaches)
    requests.wait_answered(asked)
    requests.assert_one_training_each(asked)


def test_monitoring_asks_once_within_the_cooldown_when_the_model_stays_old(
    clinic: Embedded,
) -> None:
    decisions = {one.window: one for one in ledger(clinic) if one.kind is Kind.RETRAINING}
    cooling = decisions["2024-03-05"]
    assert decisions["2024-03-04"].verdict is Verdict.TRAIN
    assert cooling.verdict is Verdict.KEEP
    assert cooling.reason.startswith("cooldown: ")
