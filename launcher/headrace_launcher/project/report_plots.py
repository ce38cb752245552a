"""The plots of a model's pages, as SVG within the page."""

from collections.abc import Sequence
from io import StringIO
from math import sqrt
from typing import Any

from headrace_lake.decision_story import DecisionStory
from headrace_lake.story import Story, WindowStory
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.model import Model

SURE = 1.96
"""Standard errors to each side, for an interval of 95 %."""

SERVED, BASELINE, LIMIT = "#1f6f8b", "#9a7b4f", "#b03a2e"

MARKS = {Verdict.TRAIN: ("^", SERVED), Verdict.WATCH: ("o", BASELINE), Verdict.HOLD: ("x", LIMIT)}
"""How decisions are marked on the time axis; to keep or to wait is the usual, and has no mark."""


def results_plot(story: Story) -> str:
    """The served model's metric with its interval, its reference, and the static baseline."""
    figure, axes = new_plot()
    shown = time_axis(axes, story)
    measured = [
        (at, line, line.evidence.performance)
        for at, line in enumerate(shown)
        if line.evidence and line.evidence.performance
    ]
    at = [place for place, _, _ in measured]
    found = [performance for _, _, performance in measured]
    firsts = [(place, one.first) for place, _, one in measured if one.first is not None]
    if firsts:
        label = "static baseline: the first model"
        axes.plot(*zip(*firsts, strict=True), "o--", color=BASELINE, label=label)
    label = "reference: the champion on its own holdout"
    axes.plot(at, [one.reference for one in found], ":", color=LIMIT, label=label)
    axes.errorbar(
        at,
        [one.current for one in found],
        yerr=[SURE * (one.error or 0.0) for one in found],
        fmt="o-",
        capsize=2,
        color=SERVED,
        label="served model, with the interval of 95 %",
    )
    previous = None
    for place, line, one in measured:
        if previous and line.champion != previous:
            axes.annotate(
                line.champion,
                (place, one.current),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                color=SERVED,
            )
        previous = line.champion
    return finished(figure, axes, story.metric)


def loss_plot(story: Story) -> str:
    """The champion's mean loss with its bounds, and what its inputs let expect without labels."""
    figure, axes = new_plot()
    shown = time_axis(axes, story)
    evidence = [(at, line.evidence) for at, line in enumerate(shown) if line.evidence]
    losses = [(at, one.loss) for at, one in evidence if one.loss and one.loss.rows]
    expected = [(at, one.split.estimate) for at, one in evidence if one.split]
    if expected:
        axes.fill_between(
            [at for at, _ in expected],
            [part.low for _, part in expected],
            [part.high for _, part in expected],
            color=BASELINE,
            alpha=0.25,
            linewidth=0,
            label="expected of its inputs, without labels",
        )
    if losses:
        axes.errorbar(
            [at for at, _ in losses],
            [one.mean for _, one in losses],
            yerr=[SURE * sqrt(one.variance / one.rows) for _, one in losses],
            fmt="o-",
            capsize=2,
            color=SERVED,
            label="served model, with the interval of 95 %",
        )
    return finished(figure, axes, "mean loss")


def inputs_plot(story: Story, model: Model) -> str:
    """How much of the importance lies in features that drifted, by window."""
    figure, axes = new_plot()
    shown = time_axis(axes, story)
    weighed = [
        (at, line.evidence)
        for at, line in enumerate(shown)
        if line.evidence and line.evidence.weighed
    ]
    shares = [evidence.moved_importance for _, evidence in weighed]
    axes.bar([at for at, _ in weighed], shares, color="#7aa6a1")
    axes.axhline(model.monitors.inputs.importance_share, color=LIMIT, linestyle="--", linewidth=1)
    axes.set_ylim(0, 1)
    return finished(figure, axes, "importance in drifted features")


def gains_plot(story: Story) -> str:
    """The best founded gain of a retraining, by window, and its price."""
    figure, axes = new_plot()
    shown = time_axis(axes, story)
    told = [(at, line.told) for at, line in enumerate(shown) if line.told and line.told.gains]
    if told:
        best = [one.gains[0] for _, one in told]
        axes.errorbar(
            [at for at, _ in told],
            [gain.mean for gain in best],
            yerr=[[gain.mean - gain.low for gain in best], [0.0] * len(best)],
            fmt="o",
            capsize=2,
            color=SERVED,
            label="best founded challenger, down to its lower bound",
        )
        prices = [one.price or 0.0 for _, one in told]
        axes.plot([at for at, _ in told], prices, "--", color=LIMIT, label="price of a retraining")
    return finished(figure, axes, "gain a window")


def challengers_plot(story: DecisionStory) -> str:
    """Each challenger's gain down to its lower bound, and the price, of one decision."""
    figure, axes = new_plot()
    gains = story.gains[::-1]
    at = range(len(gains))
    axes.errorbar(
        [gain.mean for gain in gains],
        at,
        xerr=[[gain.mean - gain.low for gain in gains], [0.0] * len(gains)],
        fmt="o",
        capsize=3,
        color=SERVED,
    )
    axes.axvline(story.price or 0.0, color=LIMIT, linestyle="--", label="price of a retraining")
    axes.axvline(0.0, color="#64727d", linewidth=0.8)
    axes.set_yticks(list(at), [gain.family.replace("$", r"\$") for gain in gains])
    axes.set_xlabel("gain a window")
    figure.legend(frameon=False, fontsize="small", loc="outside upper center")
    return as_svg(figure)


def time_axis(axes: Any, story: Story) -> Sequence[WindowStory]:
    """Windows along the axis, held ones shaded and decisions marked at the bottom."""
    shown = story.windows
    for verdict, (marker, colour) in MARKS.items():
        at = [
            i for i, line in enumerate(shown) if line.decision and line.decision.verdict is verdict
        ]
        if at:
            axes.plot(
                at,
                [0.03] * len(at),
                marker,
                color=colour,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                label=f"decided to {verdict.value}",
            )
    for i, line in enumerate(shown):
        if line.decision and line.decision.verdict is Verdict.HOLD:
            axes.axvspan(i - 0.5, i + 0.5, color=LIMIT, alpha=0.1, linewidth=0)
    step = max(1, len(shown) // 24)
    ticks = range(0, len(shown), step)
    # A dollar sign would begin a formula.
    axes.set_xticks(list(ticks), [shown[i].window.replace("$", r"\$") for i in ticks])
    axes.set_xlim(-0.5, max(len(shown), 1) - 0.5)
    return shown


def new_plot() -> tuple[Any, Any]:
    """An empty plot that opens no window."""
    from matplotlib.figure import Figure  # late: the import costs a second

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelrotation=30)
    return figure, axes


def finished(figure: Any, axes: Any, label: str) -> str:
    """A plot over time as inline SVG."""
    axes.set_ylabel(label)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(frameon=False, fontsize="small", loc="outside upper center", ncols=3)
    return as_svg(figure)


def as_svg(figure: Any) -> str:
    """A plot as inline SVG, without metadata: it would name addresses of others."""
    text = StringIO()
    none = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", metadata=none)
    return text.getvalue()[text.getvalue().index("<svg") :]
