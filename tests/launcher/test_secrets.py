"""Secrets are made once, for their owner's eyes, and stand on no command line."""

import stat
from pathlib import Path

import pytest

from headrace_launcher.services.ports import PREFERRED
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.services import Service, Stack, declare
from headrace_launcher.services.settings import Settings
from headrace_launcher.spark.java import Java


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def values(secrets: Secrets) -> list[str]:
    files = (secrets.fernet_key, secrets.api_secret_key, secrets.jwt_secret)
    return [secrets.password(), *(file.read_text() for file in files)]


def services(settings: Settings) -> tuple[Service, ...]:
    return declare(Stack(settings, PREFERRED, Java(Path("/java"), 17), {"PATH": "/bin"}))


def test_only_the_owner_can_read_when_made(tmp_path: Path):
    secrets = Secrets(tmp_path / "secrets")
    secrets.ensure()
    assert mode(secrets.directory) == 0o700
    made = list(secrets.directory.iterdir())
    assert len(made) == 4
    assert {mode(path) for path in made} == {0o600}


def test_secrets_are_kept_and_closed_again_when_made_before(tmp_path: Path):
    secrets = Secrets(tmp_path / "secrets")
    secrets.ensure()
    before = values(secrets)
    secrets.passwords.chmod(0o644)
    secrets.directory.chmod(0o755)
    secrets.ensure()
    assert values(secrets) == before
    assert mode(secrets.passwords) == 0o600
    assert mode(secrets.directory) == 0o700


def test_secrets_differ_when_homes_differ(tmp_path: Path):
    one, other = Secrets(tmp_path / "one"), Secrets(tmp_path / "other")
    one.ensure()
    other.ensure()
    assert not set(values(one)) & set(values(other))


def test_no_secret_stands_on_a_command_line_when_services_are_declared(settings: Settings):
    lines = [" ".join(service.command) for service in services(settings)]
    assert not [
        line for secret in values(Secrets(settings.secrets)) for line in lines if secret in line
    ]


@pytest.mark.parametrize("service", ["connect", "job-host", "scheduler", "registry", "api-server"])
def test_environment_holds_no_secret(settings: Settings, service: str):
    secrets = Secrets(settings.secrets)
    declared = next(one for one in services(settings) if one.name == service)
    assert not [secret for secret in values(secrets) if secret in declared.environment.values()]
