"""A retraining policy of its own file, to be tried on a model's history."""

from pathlib import Path

from headrace_schemas.declarations.declaration import Declaration
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems
from headrace_schemas.declarations.model import Model, Monitors, Retraining
from headrace_schemas.declarations.reading import loaded


class Policy(Declaration):
    """What a model's file says of watching and retraining; what is not there is as the model's file has it.

    Attributes:
        monitors: What is watched.
        retraining: When the model is retrained.
    """

    monitors: Monitors | None = None
    retraining: Retraining | None = None


def with_policy(model: Model, file: Path) -> Model:
    """The model under another policy, checked as a model's file is.

    Raises:
        DeclarationInvalid: For all that is wrong, naming file, line, key and the known keys.
    """
    policy, update = loaded(Policy, file), dict[str, object]()
    if policy.retraining is not None:
        update["retraining"] = policy.retraining
    if policy.monitors is not None:
        watched = policy.monitors.performance
        metric = watched.metric or model.monitors.performance.metric
        watched = watched.model_copy(update={"metric": metric})
        update["monitors"] = policy.monitors.model_copy(update={"performance": watched})
    changed = model.model_copy(update=update)
    problems, source = Problems(), DeclarationFile.read(file)
    for misfit in changed.misfits():
        problems.add(source.refusal(misfit.path, misfit.problem, advice=misfit.advice))
    problems.raise_any()
    return changed
