"""Clocks that are wrong: people are told what to do.

Not the machine's clock is changed, but what a process and its children are told by libfaketime.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.engine import Engine

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ASK_AIRFLOWS_SIDE = """
import sys
from headrace_airflow.lake_reader import version_of
from headrace_airflow.object_store import read
from headrace_schemas.errors import EngineUnavailable
for ask in (version_of, read):
    try:
        ask(sys.argv[1])
    except EngineUnavailable as error:
        print(error.message)
"""


def clock(offset: str) -> dict[str, str]:
    """Variables of processes whose clock is so far off, such as `+1d`; files keep their real times."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise FileNotFoundError(
            "no libfaketime below /usr/lib: the tests of clocks need it (Debian: `faketime`)"
        )
    return {
        "LD_PRELOAD": str(found[0]), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }  # fmt: skip


@pytest.mark.parametrize("offset", ["+20m", "-20m"])
def test_people_are_told_to_set_the_clock_when_the_store_refuses_another_time(
    engine: Engine, tmp_path: Path, offset: str
) -> None:
    place = "s3a://lake/clocks"
    environment = {
        **os.environ, **engine.store.environment(), **clock(offset), "HEADRACE_HOME": str(tmp_path),
        "HEADRACE_LAKE": place, "HEADRACE_LANDING": "s3a://lake/landing",
    }  # fmt: skip

    def said(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.stdout

    lines = said("-c", ASK_AIRFLOWS_SIDE, place).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "RequestTimeTooSkewed" in line
        assert "This machine's clock is not the store's: run NTP on both." in line
    (found,) = [one for one in said("-m", "headrace_launcher", "doctor").splitlines()
                if one.split()[1] == "clock"]  # fmt: skip
    assert found.startswith("failed")
    assert "(RequestTimeTooSkewed). Run NTP on both." in found
