"""What a table says itself about how far back it can be read: Delta's readers and cleaners go by it."""

FILES_KEPT = "delta.deletedFileRetentionDuration"


def history_properties(days: int) -> dict[str, str]:
    """The properties of a table that keeps its old versions for `days`."""
    return {
        FILES_KEPT: f"interval {days} days",
        "delta.logRetentionDuration": f"interval {days} days",
        # Whoever writes a checkpoint would drop the log of pinned versions with the rest.
        "delta.enableExpiredLogCleanup": "false",
    }
