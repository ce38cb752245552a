"""Folders on this machine that nobody looks into any more: jobs that have ended, logs of old runs."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headrace_schemas.errors import ClockSkewed
from headrace_schemas.wire.job_folders import JobFolder, job_folders

SUCCEEDED = timedelta(days=30)
"""How long the folder of a job that succeeded is kept: longer than its staged batch, of which it says
that it is published, and as long as Airflow remembers where the folder is."""

FAILED = timedelta(days=90)

NEWEST_JOBS = 100
"""As many stay whatever their age."""

LOGS = timedelta(days=90)

MOST_SKEW = timedelta(hours=1)


def clean_jobs(root: Path, now: datetime) -> int:
    """Remove folders of jobs that ended long ago; how many.

    Raises:
        ClockSkewed: A job was asked for later than now.
    """
    folders = sorted(job_folders(root), key=lambda folder: folder.asked_at, reverse=True)
    if folders and folders[0].asked_at > now + MOST_SKEW:
        ahead = (now - folders[0].asked_at).total_seconds()
        raise ClockSkewed(str(root), ahead, "the newest job's folder")
    old = [folder for folder in folders[NEWEST_JOBS:] if is_old(folder, now)]
    for folder in old:
        shutil.rmtree(folder.path, ignore_errors=True)
    return len(old)


def is_old(folder: JobFolder, now: datetime) -> bool:
    """Whether nobody will ask for the job's folder."""
    kept = SUCCEEDED if folder.has_succeeded else FAILED
    return not folder.is_running(now) and now - folder.asked_at > kept


def clean_logs(root: Path, now: datetime) -> int:
    """Remove the logs of runs, and of days of Airflow's own parts, that are old; how many folders."""
    folders = [*root.glob("dag_id=*/run_id=*"), *root.glob("*/[0-9][0-9][0-9][0-9]-*")]
    old = [folder for folder in folders if folder.is_dir() and now - last_written(folder) > LOGS]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def last_written(folder: Path) -> datetime:
    """When anything in a folder was last written."""
    newest = max((path.stat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)
    return datetime.fromtimestamp(newest, UTC)
