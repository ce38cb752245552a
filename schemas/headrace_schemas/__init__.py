"""What both runtimes agree on: the declarations, the job wire, the decisions and the errors."""

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec

__all__ = [
    "Catalog",
    "Contract",
    "Decision",
    "JobReport",
    "JobSpec",
    "Lake",
    "Model",
    "Partition",
    "Pipeline",
    "Planner",
]
