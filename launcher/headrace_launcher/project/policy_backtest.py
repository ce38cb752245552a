"""A backtest of a policy by its job, and what it says in words and tables."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from headrace_launcher.errors import BacktestFailed
from headrace_launcher.project.job_series import JobSeries
from headrace_schemas.declarations.model import Model
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.backtest_job import (
    BacktestedPolicy,
    BacktestedWindow,
    BacktestReport,
    BacktestTotals,
)


def backtested(
    planner: Planner, series: JobSeries, model: Model, other: Model | None
) -> BacktestReport:
    """Replay a model's history.

    Raises:
        StaleInput: The feature table has no version yet.
        BacktestFailed: The job reports an error.
        JobCrashed: The jobs' process ended without a report.
    """
    spec = planner.backtest(model, other, f"policy-backtest-{model.name}-{uuid4().hex[:12]}")
    report = series.run(spec)
    if not isinstance(report, BacktestReport):
        raise BacktestFailed(model.name, report.error.type, report.error.message, str(series.log))
    return report


def policies(report: BacktestReport) -> dict[str, BacktestedPolicy]:
    """What was replayed, by name."""
    found = {"declared": report.declared}
    return found if report.other is None else {**found, "other": report.other}


def document(model: str, report: BacktestReport) -> dict[str, Any]:
    """For programs."""
    return {
        "model": model,
        "metric": report.metric,
        "loss": report.loss,
        "share": report.share,
        "is_pilot": report.is_pilot,
        "policies": {
            name: {
                "totals": None if policy.totals is None else totals_document(policy.totals),
                "windows": [window.model_dump(mode="json") for window in policy.windows],
            }
            for name, policy in policies(report).items()
        },
    }


def totals_document(totals: BacktestTotals) -> dict[str, Any]:
    """With what follows from them."""
    return {**totals.model_dump(mode="json"), "excess": totals.excess, "regret": totals.regret}


def sentences(model: str, report: BacktestReport) -> Iterator[str]:
    """The totals, and how far they can be trusted."""
    names = {"declared": "the declared policy", "other": "the other policy"}
    for name, policy in policies(report).items():
        if policy.totals is None:
            yield f"{model}: under {names[name]} no window with labels was served; nothing is compared."
        else:
            yield f"{model}: {summed(names[name], policy.totals)}"
    boosters = (
        f"Models of a replay are pilots on samples ({report.share:.0%} of the table's rows were looked "
        "at, fewer are learnt from): the absolute losses are worse than the real model's."
        if report.is_pilot
        else "Models of a replay are the model's own booster on one thread, fitted without Spark."
    )
    yield (
        f"Losses are sums of the windows' mean {report.loss}. {boosters} Warnings of gates and monitors "
        "of extensions are not replayed, nobody is asked for an approval, and the calendar trains nothing."
    )


def summed(name: str, totals: BacktestTotals) -> str:
    """A policy's totals in a sentence."""
    trainings = "1 training" if totals.asked == 1 else f"{totals.asked} trainings"
    windows = "1 window" if totals.windows == 1 else f"{totals.windows} windows"
    regret = "" if totals.regret is None else f"; its regret is {totals.regret:.0%}"
    return (
        f"{name} would have asked for {trainings} over {windows}, {totals.promoted} served; at "
        f"{totals.training:.4f} a training its cost is {totals.excess:.4f} above the best schedule's "
        f"({totals.best_trainings} in hindsight), never retraining {totals.never - totals.best:.4f} "
        f"above, retraining at every window {totals.every - totals.best:.4f} above{regret}."
    )


def columns(report: BacktestReport) -> list[str]:
    """Of the table of windows."""
    told = ["decided", "version", "loss", report.metric]
    if report.other is None:
        return ["window", *told, "reason"]
    return ["window", *told, *(f"other: {name}" for name in told), "reasons"]


def rows(report: BacktestReport) -> Iterator[list[str]]:
    """One of each window."""
    for index, window in enumerate(report.declared.windows):
        both = [policy.windows[index] for policy in policies(report).values()]
        reasons = dict.fromkeys(brief(each.reason) for each in both)
        yield [
            window.window,
            *(cell for each in both for cell in cells(each)),
            "\nother: ".join(reasons),
        ]


def brief(reason: str) -> str:
    """The head of a reason, and what came of the training; the numbers are in the document."""
    decided, _, came = reason.partition(" -> ")
    heads = [decided.partition(":")[0], came.partition(";")[0]]
    return "; ".join(filter(None, heads))


def cells(window: BacktestedWindow) -> list[str]:
    """What came of a window under one policy."""
    came = {None: "", True: ", promoted", False: ", refused"}[window.is_promoted]
    over = ", over" if window.verdict == "hold" and not window.is_held else ""
    return [
        f"{window.verdict.value}{came}{over}",
        window.served or "",
        "" if window.loss is None else f"{window.loss:.4f}",
        "" if window.metric is None else f"{window.metric:.3f}",
    ]
