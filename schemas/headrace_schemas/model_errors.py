"""What can go wrong with a model: its rows, its training, its bytes, its place in the registry."""

from collections.abc import Sequence

from headrace_schemas.errors import SHOWN, HeadraceError


class TrainingDataInvalid(HeadraceError, ValueError):
    """Rows that cannot be learnt from."""

    def __init__(self, model: str, column: str, problem: str, advice: str) -> None:
        super().__init__(
            f"model {model}: column {column}: {problem}. {advice}",
            model=model,
            column=column,
            problem=problem,
        )


class TrainingRefused(HeadraceError, ValueError):
    """What XGBoost itself refuses to train with; trying again gives the same answer."""

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(
            f"model {model}: XGBoost refuses to train: {problem}. Correct `training.params`, or the "
            "rows that it names.",
            model=model,
            problem=problem,
        )


class SlotsShort(HeadraceError):
    """Fewer task slots than the training asks workers for: waiting would never end.

    Tried again, as a worker that was lost is started again.
    """

    retryable = True

    def __init__(self, model: str, num_workers: int, slots: int) -> None:
        remedy = f", or lower training.num_workers to {slots}" if slots else ""
        super().__init__(
            f"model {model}: training needs {num_workers} task slots, Spark has {slots}. Give Spark "
            f"more cores{remedy}.",
            model=model,
            num_workers=num_workers,
            slots=slots,
        )


class ModelTampered(HeadraceError):
    """Model bytes that are not those that were registered."""

    def __init__(self, model: str, version: str, problem: str) -> None:
        super().__init__(
            f"model {model} version {version}: {problem}. The version is not used; "
            "register it again from its training run.",
            model=model,
            version=version,
            problem=problem,
        )


class VersionUnknown(HeadraceError, LookupError):
    """A model version whose digests the ledger does not hold: its bytes could be anybody's."""

    def __init__(self, model: str, version: str) -> None:
        super().__init__(
            f"model {model} version {version}: the ledger holds no digests of it, so nobody could "
            f"tell whether its bytes are those that were trained. It is not used; run train.{model}.",
            model=model,
            version=version,
        )


class VersionTaken(HeadraceError):
    """A registry that gives a version's number a second time, to another model."""

    def __init__(self, model: str, version: str) -> None:
        super().__init__(
            f"model {model} version {version}: the ledger holds other digests of it. The registry was "
            "emptied or exchanged. Put its database back from a copy; if there is none, move the "
            "lake's `ledger` away with it, and train again.",
            model=model,
            version=version,
        )


class UndecidedWindow(HeadraceError, KeyError):
    """A window of a model that the ledger has no decision on."""

    def __init__(self, model: str, window: str, decided: Sequence[str]) -> None:
        newest = ", ".join(decided[-SHOWN:]) or "none"
        super().__init__(
            f"model {model}: nothing is decided on {window}. Decided on last: {newest}.",
            model=model,
            window=window,
            decided=list(decided),
        )

    __str__ = Exception.__str__  # KeyError would show the quoted repr


class PolicyIncomparable(HeadraceError, ValueError):
    """Another policy that watches a metric with another loss than the model's own policy."""

    def __init__(self, model: str, metric: str, declared: str) -> None:
        super().__init__(
            f"model {model}: losses of {metric} and of {declared} have different units, so the costs of the two "
            "policies cannot be compared. Write the other metric into the model's file first.",
            model=model,
            metric=metric,
            declared=declared,
        )
