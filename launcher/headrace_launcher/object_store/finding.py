"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check ended; UNSAFE and FAILED make the doctor fail."""

    OK = "ok"
    WARNING = "warning"
    UNSAFE = "unsafe"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One check's verdict, and in a sentence what is wrong and what to do."""

    check: str
    verdict: Verdict
    text: str

    @property
    def is_bad(self) -> bool:
        """Whether the store must not be used like this."""
        return self.verdict in (Verdict.UNSAFE, Verdict.FAILED)


Judgement = tuple[Verdict, str]
"""What a check returns: verdict and sentence."""
