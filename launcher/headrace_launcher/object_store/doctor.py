"""Judges the place of the lake: does it keep what it is given, and does it keep others out?

Every probe object lies below `<lake>/doctor/<run>/` and is removed, also when a check fails. What
was begun outside of it, to see whether that is refused, is given up at once.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from headrace_launcher.object_store import access, connection, disk, objects
from headrace_launcher.object_store.endpoint import Keys, Store, described
from headrace_launcher.object_store.finding import CheckStatus, Finding, Judgement
from headrace_launcher.object_store.probe import ASKING, Probe
from headrace_launcher.object_store.stages import keys_here
from headrace_launcher.services.settings import Settings
from headrace_schemas.accounts import Account
from headrace_schemas.places import Place


@dataclass(frozen=True)
class StoreCheck:
    """One question to the store, which makes sense once others were answered well."""

    name: str
    ask: Callable[[Probe], Judgement]
    after: str | None = None


CHECKS = (
    StoreCheck("endpoint", connection.answers),
    StoreCheck("transport", lambda probe: connection.transport(probe.store.endpoint)),
    StoreCheck("clock", connection.clock, after="endpoint"),
    StoreCheck("default-login", connection.default_login, after="endpoint"),
    StoreCheck("keys", connection.keys, after="endpoint"),
    StoreCheck("bucket", connection.buckets, after="keys"),
    StoreCheck("read-write", objects.read_write, after="bucket"),
    StoreCheck("path-style", objects.path_style, after="read-write"),
    StoreCheck("delta-reader", objects.delta_reader, after="read-write"),
    StoreCheck("conditional-put", objects.conditional_put, after="read-write"),
    StoreCheck("conditional-multipart", objects.conditional_multipart, after="read-write"),
    StoreCheck("unsigned-put", access.unsigned_put, after="read-write"),
    StoreCheck("anonymous", access.anonymous, after="read-write"),
    StoreCheck("least-privilege", access.least_privilege, after="read-write"),
    StoreCheck("encryption", objects.encryption, after="read-write"),
    StoreCheck("versioning", objects.versioning, after="read-write"),
)


STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.UNSAFE: "bold red",
    CheckStatus.FAILED: "red",
    CheckStatus.SKIPPED: "dim",
}


@dataclass(frozen=True)
class DoctorReport:
    """What was found, and where."""

    lake: str
    endpoint: str | None
    findings: tuple[Finding, ...]

    @property
    def is_bad(self) -> bool:
        """Whether something is unsafe or failed."""
        return any(finding.is_bad for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        checks = [
            {"check": finding.check, "verdict": finding.status.value, "text": finding.text}
            for finding in self.findings
        ]
        is_well = not self.is_bad
        return {"lake": self.lake, "endpoint": self.endpoint, "is_well": is_well, "checks": checks}


def examine(settings: Settings, environ: Mapping[str, str]) -> DoctorReport:
    """Ask all questions.

    Raises:
        SecretUnreadable: A file of an account's keys has other content.
        SettingInvalid: A setting that names no place.
    """
    store = Store.from_environment(settings, environ)
    findings: list[Finding] = []
    if (folder := Place.parse(settings.lake).path) is not None:
        text = "the lake is on local disk: there is none to check"
        findings.append(Finding("object-store", CheckStatus.OK, text))
        findings.append(Finding("lake-folder", *disk.writable(folder)))
        findings.append(Finding("disk-space", *disk.space(folder)))
    if store.locations:
        findings += examine_store(store, keys_here(environ))
    endpoint = str(store.endpoint) if store.locations else None
    return DoctorReport(lake=settings.lake, endpoint=endpoint, findings=tuple(findings))


def lines(report: DoctorReport) -> Iterator[Text]:
    """The report for people: a line a check, and how many are bad."""
    for finding in report.findings:
        yield Text.assemble(
            (f"{finding.status:<8}", STYLES[finding.status]), f"{finding.check:<22}{finding.text}"
        )
    found = Counter(finding.status for finding in report.findings)
    counts = [f"{found[status]} {status}" for status in CheckStatus if found[status]]
    yield Text(f"{len(report.findings)} checks: {', '.join(counts)}")


def examine_store(store: Store, stages: Mapping[Account, Keys]) -> list[Finding]:
    """Ask all questions of an object store; it holds the lake, or at least the landing area."""
    findings: dict[str, Finding] = {}
    leftovers: list[Finding] = []
    keys = stages.get(ASKING)
    session = boto3.Session(keys and keys.access_key, keys and keys.secret_key)
    with store.endpoint.http() as http:
        probe = Probe(
            store=store,
            location=store.locations[0],
            client=store.endpoint.client(session=session),
            http=http,
            session=session,
            stages=stages,
            run=uuid.uuid4().hex,
        )
        try:
            for check in CHECKS:
                findings[check.name] = _found(check, probe, findings)
        finally:
            if "bucket" in findings and findings["bucket"].status is CheckStatus.OK:
                leftovers = _cleaned(probe)
    return [*findings.values(), *leftovers]


def _found(check: StoreCheck, probe: Probe, before: Mapping[str, Finding]) -> Finding:
    needed = before[check.after] if check.after else None
    if needed and (needed.is_bad or needed.status is CheckStatus.SKIPPED):
        return Finding(check.name, CheckStatus.SKIPPED, f"not asked: see {needed.check}")
    try:
        return Finding(check.name, *check.ask(probe))
    except (ClientError, BotoCoreError, httpx.HTTPError) as error:
        return Finding(check.name, CheckStatus.FAILED, f"could not be asked: {described(error)}.")


def _cleaned(probe: Probe) -> list[Finding]:
    try:
        probe.clean()
    except (ClientError, BotoCoreError) as error:
        left = f"s3a://{probe.bucket}/{probe.key('')}"
        text = f"probe objects could not be removed: {described(error)}. Delete {left} yourself."
        return [Finding("cleanup", CheckStatus.FAILED, text)]
    return []
