"""The `.env` of the compose file."""

import re
import stat
from pathlib import Path

from headrace_launcher.compose import MADE, ensure_env

PROJECT = Path(__file__).parents[2]


def read(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_secret_is_made_once_and_only_the_owner_reads_it(tmp_path):
    file = tmp_path / ".env"
    assert ensure_env(file) == list(MADE)
    first = read(file)
    assert set(first) == set(MADE)
    assert all(first.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ensure_env(file) == []
    assert read(file) == first


def test_two_files_share_no_secret(tmp_path):
    ensure_env(tmp_path / "one")
    ensure_env(tmp_path / "two")
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert [name for name in MADE if one[name] == two[name]] == ["COMPOSE_PROFILES"]


def test_what_a_person_has_set_stays_and_the_rest_is_added(tmp_path):
    file = tmp_path / ".env"
    file.write_text("AWS_ACCESS_KEY_ID=mine\nHEADRACE_SPARK_WORKERS=8")
    file.chmod(0o644)
    assert "AWS_ACCESS_KEY_ID" not in ensure_env(file)
    found = read(file)
    assert found["AWS_ACCESS_KEY_ID"] == "mine"
    assert found["HEADRACE_SPARK_WORKERS"] == "8"
    assert set(MADE) < set(found)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_whatever_the_compose_file_demands_is_made():
    demanded = re.findall(r"\$\{(\w+):\?", (PROJECT / "docker-compose.yml").read_text())
    assert demanded
    assert set(demanded) <= set(MADE)
