"""Has the workers of a cluster check files of its landing area, and prints the names of those that pass.

python -m tests.cluster.check_deliveries CONNECT_URL COPIES URI...
"""

import json
import sys
from collections.abc import Sequence

from headrace_jobs.engine import session
from headrace_jobs.sources import ingest
from headrace_schemas.declarations.source import Source


def main(connect_url: str, copies: str, uris: Sequence[str]) -> None:
    spark = session.connect(connect_url)
    intake = ingest.Intake(
        table="bronze.checked", source=Source(files="checked/*.csv"), landing=None, copies=copies
    )
    try:
        passed = ingest.inspect_spread(spark, intake, uris)
    finally:
        session.release(spark)
    print(json.dumps(sorted(one.name for one in passed.values())))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
