"""Whether a cron expression ever comes, by the reader that Airflow uses."""

import re
from datetime import UTC, datetime

RANDOM = re.compile(r"(?:^|[\s,])[HR](?:$|[\s,/(])", re.IGNORECASE)
"""croniter's own letters for a number that it draws."""

SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def cron_problem(expression: str) -> str:
    """What is wrong with five fields; empty if nothing is."""
    from croniter import (
        CroniterBadDateError,
        CroniterError,
        croniter,
    )  # heavy: a time zone database

    if RANDOM.search(expression):
        return "is another time each time it is read"
    try:
        croniter(expression, SOME_DAY).get_next(datetime)
    except CroniterBadDateError:
        return "never comes: no month has that day"
    except (CroniterError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        return f"is no cron expression: {str(error).strip() or type(error).__name__}"
    return ""
