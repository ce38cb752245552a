"""Stops work on a table that has lost rows."""

from headrace_schemas.wire.spec import PinnedTable


def refuse_damaged(table: PinnedTable) -> None:
    """Stop where a table's log shows that it, at its pinned version or now, has lost rows.

    Raises:
        TableDamaged: It shows that.
        EngineUnavailable: The lake cannot be read.
    """
    from headrace_lake.fsck import check  # heavy: reading a Dag file must not load it

    check.refuse_damaged(table.uri, table.name, table.version)
