"""A process that puts one row after the other into a table, as it is told on standard input.

    python -m tests.faults.row_writer URI

Each line is a row's number. The answer is a line of JSON: `null` if the row is there, else what the
error says. Of its own, since deltalake keeps other threads waiting while it reads: a proxy in the
same process would never answer.
"""

import json
import sys

from headrace_lake.commits import insert
from headrace_lake.ledger import RowTable
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.errors import HeadraceError


class Numbered(Frozen):
    """A row of which each reader tells the number."""

    row_id: int


ROWS = RowTable("test.rows", Numbered, ("row_id",), lambda row: row.row_id, None)


def main(uri: str) -> None:
    """Write until standard input ends."""
    say("ready")
    for line in sys.stdin:
        try:
            insert(ROWS, uri, Numbered(row_id=int(line)), "{}")
        except HeadraceError as error:
            say(error.message)
        else:
            say(None)


def say(answer: str | None) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
