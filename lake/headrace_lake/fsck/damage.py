"""What can be wrong with a table, in words for people and in fields for programs."""

from dataclasses import dataclass, field
from enum import StrEnum

from headrace_schemas.declarations.declaration import Frozen


class DamageKind(StrEnum):
    """What is wrong; the values are what `headrace fsck --json` says."""

    LOG_MISSING = "log-missing"
    COMMIT_MISSING = "commit-missing"
    COMMIT_EMPTY = "commit-empty"
    COMMIT_BROKEN = "commit-broken"
    COMMIT_DIFFERS = "commit-differs"
    CHECKPOINT_BROKEN = "checkpoint-broken"
    CHECKPOINT_DIFFERS = "checkpoint-differs"
    FILE_MISSING = "file-missing"
    FILE_RESIZED = "file-resized"
    FILE_DIFFERS = "file-differs"
    CHECKSUM_BROKEN = "checksum-broken"
    POINTER_BROKEN = "pointer-broken"
    POINTER_ASTRAY = "pointer-astray"
    FILE_TOUCHED = "file-touched"
    DIGESTS_BROKEN = "digests-broken"


HARMLESS = frozenset(
    {
        DamageKind.CHECKSUM_BROKEN,
        DamageKind.POINTER_BROKEN,
        DamageKind.FILE_TOUCHED,
        DamageKind.DIGESTS_BROKEN,
    }
)
"""No reader gets other rows by these."""


class Damage(Frozen):
    """One thing that is wrong with one file of a table.

    Attributes:
        table: The table's name, or its URI where it was asked for by that.
        file: Path below the table's folder.
        version: The version that it belongs to; None if to none.
        problem: What is wrong with the file.
        advice: What to do, as sentences.
        is_repairable: Whether moving the file aside is all that it takes.
    """

    table: str
    file: str
    version: int | None
    kind: DamageKind
    problem: str
    advice: str
    is_repairable: bool = False

    @property
    def is_harmless(self) -> bool:
        """Whether readers see the right rows nevertheless."""
        return self.kind in HARMLESS

    def __str__(self) -> str:
        where = "" if self.version is None else f" (version {self.version})"
        return f"{self.table}: {self.file}{where}: {self.problem}. {self.advice}"


@dataclass
class TableDamages:
    """What is wrong with one table, as it is found."""

    table: str
    found: list[Damage] = field(default_factory=list)

    def note(
        self,
        kind: DamageKind,
        file: str,
        version: int | None,
        problem: str,
        advice: str,
        *,
        is_repairable: bool = False,
    ) -> None:
        """Remember a damage."""
        self.found.append(
            Damage(
                table=self.table,
                file=file,
                version=version,
                kind=kind,
                problem=problem,
                advice=advice,
                is_repairable=is_repairable,
            )
        )

    def has(self, *kinds: DamageKind) -> bool:
        """Whether something of these kinds was found."""
        return any(damage.kind in kinds for damage in self.found)
