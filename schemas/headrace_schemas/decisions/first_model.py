"""Whether there is enough history for a first model."""

from headrace_schemas.declarations.model import Split

PARTITIONS = 3
"""Partitions with matured labels that a first model waits for, where the file does not say: one of
them is no longer than the holdout may be, and the others show that one differs from the next."""

ROWS, OF_EACH_CLASS = 500, 200
"""Labelled rows of them, and of two classes rows of each. What is judged on fewer than 50 of each is
refused, and a holdout takes a third at most: of 200 it has that many."""


def waits_for(split: Split, partitions: int, rows: int | None, positive: int | None) -> str | None:
    """What the first model still waits for, in words; None if there is enough.

    Args:
        partitions: With matured labels.
        rows: Labelled ones of these; None where they were not counted.
        positive: Of the rows, those of class 1; None for a number, or where they were not counted.
    """
    needed = split.first_after_partitions
    if needed is not None:
        return None if partitions >= needed else f"{partitions} of {needed} partitions of history"
    lacking = []
    if partitions < PARTITIONS:
        lacking.append(f"{partitions} of {PARTITIONS} partitions of history")
    if rows is not None and rows < ROWS:
        lacking.append(f"{rows} of {ROWS} labelled rows")
    if rows is not None and positive is not None and min(positive, rows - positive) < OF_EACH_CLASS:
        lacking.append(f"{min(positive, rows - positive)} of {OF_EACH_CLASS} of the rarer class")
    return ", ".join(lacking) or None
