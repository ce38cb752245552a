"""Job `profile`: how many rows a table has, and how many of them lack a value, by column."""

from typing import Literal

from headrace_schemas.accounts import Account
from headrace_schemas.wire.jobs import Job
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec, PinnedTable


class ProfileSpec(JobSpec):
    """Profile one version of a table."""

    job: Literal["profile"] = "profile"
    table: PinnedTable


class ProfileReport(JobReport):
    """What was counted."""

    job: Literal["profile"] = "profile"
    rows: int
    empty: dict[str, int]


PROFILE = Job(ProfileSpec, ProfileReport, "shop_extras.profile:run", Account.LEARN)
