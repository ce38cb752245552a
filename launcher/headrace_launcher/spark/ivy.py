"""Apache Ivy, which Spark ships, as the client that fetches jars from a Maven repository."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from headrace_launcher.errors import JarsUnavailable
from headrace_launcher.spark.jars import Module

EXCLUDED = (
    "io.netty",
    "org.slf4j",
    "commons-logging",
    "commons-codec",
    "org.apache.httpcomponents",
)
"""Organisations whose jars Spark ships itself, in versions of its own."""

FLAT = (
    "io.delta:delta-spark_4.2_2.13:4.4.0",
    "io.delta:delta-storage:4.4.0",
    "io.delta:delta-kernel-api:4.4.0",
    "io.delta:delta-kernel-defaults:4.4.0",
    "io.delta:delta-kernel-unitycatalog:4.4.0",
    "org.apache.hadoop:hadoop-aws:3.5.0",
    "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1",
)
"""Locked without what their descriptions ask for: Spark has it, or it is the 686 MB SDK bundle.

Every s3a file system loads classes of the last one, also when another reader is chosen.
"""

WITH_DEPENDENCIES = (
    "software.amazon.awssdk:s3:2.35.4",
    "software.amazon.awssdk:s3-transfer-manager:2.35.4",
    "software.amazon.awssdk:sts:2.35.4",
)
"""The modules that hadoop-aws uses, in the version it was built with."""

TRIES = 3

# Ivy's own default repository, with a limit on silence. For exact coordinates the descriptions
# (.pom files) are not needed: that halves the requests.
_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <timeout-constraints>
    <timeout-constraint name="network" connectionTimeout="15000" readTimeout="60000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="central" m2compatible="true" usepoms="{descriptions}"
             timeoutConstraint="network"/>
  </resolvers>
</ivysettings>
"""


class Ivy:
    """Fetches jars by coordinates, through the user's own ivysettings.xml where one is given."""

    def __init__(
        self,
        java: Path,
        spark_jars: Path,
        settings: Path | None = None,
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._java = java
        self._classpath = ":".join(
            str(path)
            for name in ("ivy", "commons-cli")
            for path in spark_jars.glob(f"{name}-*.jar")
        )
        self._settings = settings
        self._on_progress = on_progress

    def fetch(self, modules: Sequence[Module], target: Path) -> None:
        """Put exactly these modules' jars into a folder per organisation."""
        self._retrieve(modules, (), target)
        missing = [
            str(module)
            for module in modules
            if not (target / module.organisation / module.file_name).is_file()
        ]
        if missing:
            raise JarsUnavailable(missing, "no error")

    def resolve(self, target: Path) -> None:
        """Put what Headrace needs, with dependencies, into a folder per organisation."""
        self._retrieve(
            [Module.parse(coordinates) for coordinates in FLAT],
            [Module.parse(coordinates) for coordinates in WITH_DEPENDENCIES],
            target,
        )

    def _retrieve(self, flat: Sequence[Module], deep: Sequence[Module], target: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="headrace-ivy-") as scratch:
            folder = Path(scratch)
            (folder / "ivy.xml").write_text(_description(flat, deep))
            (folder / "ivysettings.xml").write_text(
                _SETTINGS.format(descriptions="true" if deep else "false")
            )
            command = [
                str(self._java),
                "-cp",
                self._classpath,
                "org.apache.ivy.Main",
                "-settings",
                str(self._settings or folder / "ivysettings.xml"),
                "-ivy",
                str(folder / "ivy.xml"),
                "-cache",
                str(folder / "cache"),
                "-types",
                "jar",
                "bundle",
                "-confs",
                "default",
                "-retrieve",
                f"{target}/[organisation]/[artifact]-[revision].[ext]",
            ]
            report: list[str] = []
            for _ in range(TRIES):  # the cache keeps what a try that failed has fetched
                report = self._run(command)
                if not report:
                    return
            wanted = [str(module) for module in (*flat, *deep)]
            raise JarsUnavailable(wanted, " ".join(report[:3]))

    def _run(self, command: Sequence[str]) -> list[str]:
        """Run Ivy and pass on what it fetches; returns its complaints."""
        complaints: list[str] = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                if line.startswith("downloading "):
                    self._on_progress(line.split()[1].rpartition("/")[2])
                elif "UNRESOLVED" in line or "FAILED" in line or "ERROR" in line:
                    complaints.append(" ".join(line.split()))
        if process.returncode != 0 and not complaints:
            complaints.append(f"it ended with exit code {process.returncode}")
        return complaints


def _description(flat: Sequence[Module], deep: Sequence[Module]) -> str:
    """The ivy.xml that asks for modules without and with their dependencies."""
    asked = [
        f"<dependency org={quoteattr(module.organisation)} name={quoteattr(module.name)} "
        f"rev={quoteattr(module.version)} transitive={quoteattr(transitive)}/>"
        for modules, transitive in ((flat, "false"), (deep, "true"))
        for module in modules
    ]
    excluded = [f"<exclude org={quoteattr(organisation)}/>" for organisation in EXCLUDED]
    return (
        '<ivy-module version="2.0"><info organisation="headrace" module="jars"/>'
        '<configurations><conf name="default"/></configurations>'
        '<dependencies defaultconfmapping="default-&gt;default">'
        f"{''.join(asked)}{''.join(excluded)}</dependencies></ivy-module>"
    )
