"""What a model's file leaves to other declarations: task, owner, description and metrics."""

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.model import Model, Task
from headrace_schemas.rules.rule import Severity
from headrace_schemas.types import FLOATS, ColumnType

METRIC = {Task.BINARY: "auc", Task.REGRESSION: "mae"}
"""What a model is judged and watched by where it does not say. Not the root of the mean square of
numbers: of heavy tails a few rows would decide it."""


def completed(model: Model, contract: Contract, owner: str) -> Model:
    """A model with everything that follows from its table.

    Args:
        owner: Of the pipeline that builds the table.

    Raises:
        ValueError: The contract does not say what kind of target it is.
    """
    task = model.task or task_of(model, contract)
    if task is None:
        raise ValueError(f"the contract of {model.table} does not say the task of {model.target}")
    champion, watched = model.gates.champion, model.monitors.performance
    metric = champion.metric or METRIC[task]
    champion = champion.model_copy(update={"metric": metric})
    watched = watched.model_copy(update={"metric": watched.metric or metric})
    return model.model_copy(
        update={
            "task": task,
            "owner": model.owner or owner,
            "description": model.description or f"Predicts {model.target} of {model.table}.",
            "gates": model.gates.model_copy(update={"champion": champion}),
            "monitors": model.monitors.model_copy(update={"performance": watched}),
        }
    )


def task_of(model: Model, contract: Contract) -> Task | None:
    """The task that the target's column has by its type and rules; None if these do not say."""
    column = contract.column(model.target)
    if column is None:
        return None
    stem = ColumnType.parse(column.type).stem
    if stem == "BOOLEAN" or is_flag(model.target, contract, is_whole=stem not in FRACTIONS):
        return Task.BINARY
    return Task.REGRESSION if stem in FRACTIONS else None


FRACTIONS = FLOATS | {"DECIMAL"}


def is_flag(name: str, contract: Contract, is_whole: bool) -> bool:
    """Whether critical rules allow a number 0 and 1 alone."""
    for rule in contract.row_rules:
        asked = rule.expectation
        if rule.severity is not Severity.CRITICAL or asked.kwargs.get("column") != name:
            continue
        values = asked.kwargs.get("value_set")
        if asked.type == "expect_column_values_to_be_in_set" and values and set(values) <= {0, 1}:
            return True
        bounds = (asked.kwargs.get("min_value"), asked.kwargs.get("max_value"))
        is_between = asked.type == "expect_column_values_to_be_between"
        if is_whole and is_between and bounds == (0, 1):
            return True
    return False
