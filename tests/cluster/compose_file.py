"""The compose file as a Docker engine reads it: variables filled in, anchors merged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]

_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])((?:[^{}]|\$\{[^}]*\})*))?\}")


@dataclass(frozen=True)
class Declared:
    """One service of the file."""

    name: str
    command: list[str]
    environment: dict[str, str]
    after: dict[str, str]  # service to condition
    healthcheck: list[str]
    replicas: int
    stays: bool  # restarted when it ends


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """`${A}`, `${A:-default}`, `${A-default}` and `${A:?message}` as Compose fills them in."""

    def value(found: re.Match[str]) -> str:
        name, operator, rest = found[1], found[2] or "", found[3] or ""
        given = values.get(name)
        if given is None or (given == "" and operator.startswith(":")):
            assert not operator.endswith("?"), f"{name}: {rest}"
            return interpolated(rest, values) if operator else ""
        return given

    return _VARIABLE.sub(value, text).replace("$$", "$")


def read_env(file: Path) -> dict[str, str]:
    """A `.env` file."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def declared(values: Mapping[str, str]) -> dict[str, Declared]:
    """The services whose profile is on."""
    content = yaml.safe_load(interpolated((PROJECT / "docker-compose.yml").read_text(), values))
    profiles = set(values.get("COMPOSE_PROFILES", "").split(","))
    services = content["services"]
    active = {
        name: one
        for name, one in services.items()
        if not one.get("profiles") or profiles & set(one["profiles"])
    }
    return {name: read(name, one, set(active)) for name, one in active.items()}


def read(name: str, one: dict[str, Any], active: set[str]) -> Declared:
    """One service's entry."""
    waits = {
        other: how["condition"]
        for other, how in one.get("depends_on", {}).items()
        if other in active or how.get("required", True)
    }
    return Declared(
        name=name,
        command=[str(word) for word in one.get("command", [])],
        environment={key: str(value) for key, value in one.get("environment", {}).items()},
        after=waits,
        healthcheck=[str(word) for word in one.get("healthcheck", {}).get("test", [])],
        replicas=int(one.get("deploy", {}).get("replicas", 1)),
        stays=one["restart"] == "unless-stopped",
    )
