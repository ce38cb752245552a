"""One embedded Headrace with the small pipeline, for all tests that end its processes."""

from collections.abc import Iterator
from datetime import date

import pytest

import tests.own_airflow  # noqa: F401 - before Airflow
from tests.e2e.conftest import CLINIC, Embedded, declared, running
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Five days of visits, done: the model has been learnt once. The others are for the tests."""
    schemas = declared(tmp_path_factory.mktemp("declared"), CLINIC)
    with running(tmp_path_factory.mktemp("headrace"), schemas) as stack:
        for _ in stack.replay("clinic", "progression", date(2024, 3, 6)).run():
            pass
        wait_until(stack.is_idle, "all runs ended")
        yield stack
