"""A window that is not decided on in time is told of, by Airflow's deadline of its run."""

import asyncio
from datetime import timedelta

import pytest

from headrace_airflow import late_windows
from headrace_airflow.late_windows import decision_deadline, notify_late
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.notifications import Event


def test_deadline_counts_from_when_labels_are_due_when_somebody_is_notified(
    catalog: Catalog,
) -> None:
    model = catalog.models["long_trip"]
    assert decision_deadline(model) == []

    (alert,) = decision_deadline(model.model_copy(update={"notify": ("log", "mail")}))

    assert alert.interval == timedelta(days=model.label_delay_days + 1)
    assert alert.callback.path == "headrace_airflow.late_windows.notify_late"
    assert alert.callback.kwargs["notify"] == ["log", "mail"]


def test_each_notifier_is_told_of_the_window_when_its_run_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[tuple[str, Event]] = []
    monkeypatch.setattr(late_windows, "send", lambda name, event: found.append((name, event)))
    run = {
        "dag_id": "monitor.long_trip",
        "dag_run_id": "asset__1",
        "partition_key": "2013-02",
    }

    asyncio.run(notify_late("long_trip", ["log", "mail"], 3.0, {"dag_run": run}))

    assert [name for name, _ in found] == ["log", "mail"]
    event = found[0][1]
    assert (event.kind.value, event.batch, event.run_id) == ("late", "2013-02", "asset__1")
    assert "3 days after" in event.message
