"""What both runtimes agree on: the declarations, the job wire, the decisions and the errors."""

from headrace_schemas.catalog import Catalog
from headrace_schemas.contract import Contract
from headrace_schemas.decisions import Decision
from headrace_schemas.job import JobReport, JobSpec
from headrace_schemas.lake import Lake
from headrace_schemas.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.pipeline import Pipeline
from headrace_schemas.planning import Planner

__all__ = [
    "Catalog", "Contract", "Decision", "JobReport", "JobSpec", "Lake", "Model", "Partition",
    "Pipeline", "Planner",
]  # fmt: skip
