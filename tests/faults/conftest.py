"""What the tests break: an embedded Headrace with the small pipeline, and jobs on an object store."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import tests.own_airflow  # noqa: F401 - before Airflow
from tests.embedded import CLINIC, Embedded, declared, running
from tests.faults.engine import FIRST, SECOND, Engine, StoredBatch, running_engine
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Five days of visits, done: the model has been learnt once. The others are for the tests."""
    schemas = declared(tmp_path_factory.mktemp("declared"), CLINIC)
    with running(tmp_path_factory.mktemp("headrace"), schemas) as stack:
        for _ in stack.replay("clinic", date(2024, 3, 6)).run():
            pass
        wait_until(stack.is_idle, "all runs ended")
        yield stack


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine of a module's tests, behind a proxy."""
    with running_engine(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture
def engine(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The same without faults; this process reaches the store, too, and not through the proxy."""
    for name, value in shared.store.environment().items():
        monkeypatch.setenv(name, value)
    yield shared
    shared.proxy.forget()


@pytest.fixture
def batch(engine: Engine, tmp_path: Path) -> StoredBatch:
    """A table with the first rows, and a delivery of the second ones that waits to be published."""
    made = StoredBatch(engine, tmp_path)
    made.published(*FIRST)
    made.deliver_rows(*SECOND)
    return made
