"""Waiting for drift: what the ledger holds of inputs, whatever was decided."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace_airflow.sensors.drift import DriftSensor
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.psi import psi_signal
from tests.plugins.ledger import decision, write_ledger

Context = Callable[..., Any]

POLICY = json.dumps({"monitors": {"inputs": {"psi": 0.2, "importance_share": 0.5}}})


def monitored(psi: float) -> dict[str, str]:
    """Evidence and policy of a window."""
    evidence = MonitorEvidence(
        window="2013-02",
        matured_partitions=3,
        champion="1",
        rows=20_000,
        signals=(psi_signal("temp", psi, 1.0, 20_000, 0.2),),
    )
    return {"evidence": canonical(evidence), "policy": POLICY}


def test_sensor_waits_until_inputs_drifted_although_the_model_is_kept(
    home: Path, run_context: Context
) -> None:
    sensor = DriftSensor(task_id="wait", model="long_trip")
    assert not sensor.poke(run_context())
    write_ledger(home, [decision(Verdict.KEEP, id="still", **monitored(0.01))])
    assert not sensor.poke(run_context())
    write_ledger(home, [decision(Verdict.KEEP, id="tripped", **monitored(0.5))])
    found = sensor.poke(run_context())
    assert found
    assert found.xcom_value["decision"] == "tripped"
    assert found.xcom_value["window"] == "2013-02"


def test_sensor_looks_at_the_window_that_is_named(home: Path, run_context: Context) -> None:
    write_ledger(home, [decision(Verdict.KEEP, **monitored(0.5))])
    assert DriftSensor(task_id="wait", model="long_trip", window="2013-02").poke(run_context())
    assert not DriftSensor(task_id="wait", model="long_trip", window="2013-01").poke(run_context())
