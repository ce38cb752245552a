"""What a job's commits say of themselves."""

import json

from headrace_schemas.wire.spec import JobSpec


def commit_note(spec: JobSpec) -> str:
    """The job, its attempt and the run that asked for it, as JSON."""
    return json.dumps({"job": spec.job, "job_id": spec.job_id, "run_id": spec.run_id})
