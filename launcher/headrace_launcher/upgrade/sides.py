"""Two versions of Headrace on one machine: the present one, and another in a scratch environment."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headrace_launcher.errors import UpgradeFailed

Tell = Callable[[str], None]

HEADRACE = "headrace"

EXTRAS = "[airflow,spark,launcher]"

UNMET = """
import json
from importlib.metadata import PackageNotFoundError, requires, version
from packaging.requirements import Requirement
unmet = []
for extra in ("airflow", "spark", "launcher"):
    for text in requires("headrace") or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = None
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            unmet.append(text)
print(json.dumps({"version": version("headrace"), "unmet": sorted(set(unmet))}))
"""
"""Run by the scratch environment's Python: which packages its Headrace lacks there."""

TAIL = 2000
"""Characters of a failed command's output that are shown."""


@dataclass(frozen=True)
class Side:
    """An installed Headrace that can be asked.

    Attributes:
        python: The interpreter of its environment.
        version: Of Headrace.
        environment: What its commands inherit.
    """

    python: Path
    version: str
    environment: Mapping[str, str]

    def ask(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m …` there; its output."""
        return subprocess.run(
            [str(self.python), "-m", *arguments],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def document(self, *arguments: str, **variables: str) -> Any:
        """The JSON document that a command prints, whatever its exit code is and else it prints.

        Raises:
            UpgradeFailed: It prints none.
        """
        done = self.ask(*arguments, **variables)
        begin = re.search(r"^\{", done.stdout, re.MULTILINE)
        try:
            return json.JSONDecoder().raw_decode(done.stdout, begin.start() if begin else 0)[0]
        except ValueError as error:
            end = f"{done.stdout}{done.stderr}"[-TAIL:]
            raise UpgradeFailed(self.version, " ".join(arguments), end) from error


def present(environment: Mapping[str, str]) -> Side:
    """The Headrace of this process."""
    return Side(Path(sys.executable), version(HEADRACE), dict(environment))


def install(target: str, folder: Path, environment: Mapping[str, str], tell: Tell) -> Side:
    """Install another version into a new environment.

    It sees the packages of the present environment, so that usually nothing but Headrace itself is
    installed. Where it needs others, the environment gets all of its own.

    Args:
        target: A wheel's path, or what pip takes: `headrace==0.2.0`, `headrace`.

    Raises:
        UpgradeFailed: pip cannot install it.
    """
    # PYTHONPATH may name a checkout of the present version.
    own = {key: value for key, value in environment.items() if key != "PYTHONPATH"}
    tell(f"scratch environment for {target}")
    run([sys.executable, "-m", "venv", str(folder)], own, target)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    borrowed = borrow(folder)
    run([*pip, "--no-deps", "--ignore-installed", target], own, target)
    found = json.loads(run([str(python), "-c", UNMET], own, target))
    if found["unmet"]:
        tell(f"{HEADRACE} {found['version']} needs other packages: installing all of its own")
        borrowed.unlink()
        whole = f"{target}{EXTRAS}" if Path(target).exists() else wanted(found["version"])
        run([*pip, whole], own, target)
    return Side(python, str(found["version"]), own)


def wanted(version: str) -> str:
    """What pip takes for a version with all that it needs."""
    return f"{HEADRACE}{EXTRAS}=={version}"


def borrow(folder: Path) -> Path:
    """Let an environment see the packages of the present one, behind its own; the file that says so."""
    here = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site,) = folder.glob("lib/python*/site-packages")
    file = site / "present.pth"
    file.write_text("".join(f"{path}\n" for path in sorted(here)))
    return file


def run(command: Sequence[str], environment: Mapping[str, str], target: str) -> str:
    """A step of the installation; what it prints.

    Raises:
        UpgradeFailed: It does not succeed.
    """
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UpgradeFailed(target, " ".join(command), f"{done.stdout}{done.stderr}"[-TAIL:])
    return done.stdout


def environment_of_sides() -> dict[str, str]:
    """What both sides inherit: nothing of a running Airflow or of this home."""
    left_out = ("AIRFLOW", "_AIRFLOW", "HEADRACE_", "SPARK_", "MLFLOW_")
    kept = {"HEADRACE_IVY_SETTINGS", "HEADRACE_JARS"}
    return {
        key: value
        for key, value in os.environ.items()
        if key in kept or not key.startswith(left_out)
    }
