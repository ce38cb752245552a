"""`python -m headrace_jobs`: the only entry of the jobs' side.

`run --job-dir DIR` does one job, `series` one after the other in one session, `host --socket PATH`
many side by side, `registry` prepares the registry.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

from headrace_schemas.errors import HeadraceError
from headrace_schemas.installation import require_extra, require_one_spark
from headrace_schemas.project import Project


def main(arguments: list[str]) -> int:
    """Do what the command line says; the exit status is 0 if it succeeded."""
    parser = argparse.ArgumentParser(
        prog="python -m headrace_jobs", description="Run Headrace's Spark jobs."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the job of DIR/spec.json, write DIR/report.json")
    run.add_argument("--job-dir", type=Path, required=True, metavar="DIR")
    host = commands.add_parser("host", help="start jobs that are asked for on a Unix socket")
    host.add_argument("--socket", type=Path, required=True, metavar="PATH")
    commands.add_parser("series", help="run the jobs whose folders standard input names")
    commands.add_parser("registry", help="make or upgrade the tables of MLFLOW_TRACKING_URI")
    given = parser.parse_args(arguments)
    log_to_stderr()
    try:
        require_extra("spark")
        require_one_spark()
        Project.current().use()
    except HeadraceError as error:
        logging.error("%s: %s", type(error).__name__, error.message)
        return 1
    if given.command == "host":
        # Heavy imports on purpose: each job then starts with them done.
        from headrace_jobs.engine.host import serve

        return serve(given.socket)
    if given.command == "registry":
        from headrace_jobs.learning.registry_database import prepare

        return prepare()
    if given.command == "series":
        from headrace_jobs.engine.series import serve as serve_series

        return serve_series()
    from headrace_jobs.engine.runner import run_job

    return run_job(given.job_dir)


def log_to_stderr() -> None:
    """One line per fact, UTC."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        datefmt="%Y-%m-%dT%H:%M:%SZ",
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
