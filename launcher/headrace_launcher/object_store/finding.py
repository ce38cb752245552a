"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a check ended; UNSAFE and FAILED make the doctor fail."""

    OK = "ok"
    WARNING = "warning"
    UNSAFE = "unsafe"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One check's status, and in a sentence what is wrong and what to do."""

    check: str
    status: CheckStatus
    text: str

    @property
    def is_bad(self) -> bool:
        """Whether the store must not be used like this."""
        return self.status in (CheckStatus.UNSAFE, CheckStatus.FAILED)


Judgement = tuple[CheckStatus, str]
"""What a check returns: status and sentence."""
