"""A process that publishes batches by their files, as it is told on standard input.

    python -m tests.faults.batch_publisher

Each line is the path of a publish's spec. The answer is a line of JSON: version and rows, or what
the error says. Of its own for the reason that `row_writer` has.
"""

import json
import sys
from pathlib import Path

from headrace_jobs.tables import repeats, staged_files
from headrace_schemas.errors import HeadraceError
from headrace_schemas.wire.table_jobs import PublishSpec


def main() -> None:
    """Publish until standard input ends."""
    say("ready")
    for line in sys.stdin:
        spec = PublishSpec.model_validate_json(Path(line.strip()).read_text())
        try:
            made = staged_files.publish(spec, repeats.note_of(spec))
        except (HeadraceError, OSError) as error:
            say(str(error))
        else:
            say(None if made is None else [made[0].version, made[1]])


def say(answer: object) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
