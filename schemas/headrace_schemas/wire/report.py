"""What comes back of a job: the fields that all reports have, and the terms they share."""

from typing import Any, Literal

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen

SHOWN_FAILURES = 10
"""How many failed rules a report carries."""

SHOWN_EXAMPLES = 5
"""How many example rows of one failed rule a report carries."""


class Counts(Frozen):
    """Rows in = rows out + rows quarantined."""

    rows_in: int = 0
    rows_out: int = 0
    rows_quarantined: int = 0


class RuleFailure(Frozen):
    """A rule that did not hold.

    Attributes:
        failed: Bad rows of a row rule; 1 for a table rule.
        examples: Where a few bad rows came from (`file:row`), never their values.
    """

    rule: str
    severity: str
    description: str
    failed: int
    examples: tuple[str, ...] = ()


class JobError(Frozen):
    """Why a job failed, as the error's class and fields."""

    type: str
    message: str
    retryable: bool
    fields: dict[str, Any] = Field(default_factory=dict)


class JobReport(Frozen):
    """What every report carries; a class of its own for each job adds what that one hands on.

    A job that failed before it had anything of its own to report is reported by this class.

    Attributes:
        job: Which job it was: a default of each class.
        seconds: Wall time of the whole job, starting Spark included.
        notes: Sentences for the task's log.
        metrics: Small numbers for people and logs.
        error: Why it failed; None if it succeeded.
    """

    job: str
    job_id: str
    status: Literal["succeeded", "failed"] = "succeeded"
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    error: JobError | None = None

    def warnings(self) -> list[str]:
        """Lines that the task's log shows as warnings: where, what and how often, never values."""
        return []
