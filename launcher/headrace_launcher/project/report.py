"""The story of a pipeline and its model, a row a partition: a table, and a page with plots."""

from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, PackageLoader, select_autoescape
from rich.table import Table as RichTable

from headrace_lake.story import Story, WindowStory
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.declarations.model import Model


def terminal_table(story: Story) -> RichTable:
    """The story for a terminal, one row a partition."""
    table = RichTable(title=story.title, show_lines=False)
    counts = ("partition", "rows in", "quarantined", "published")
    for name in (*counts, "champion") if story.model else counts:
        table.add_column(name, justify="right" if name != "partition" else "left", no_wrap=True)
    if story.model is None:
        for line in story.windows:
            table.add_row(line.window, *counted(line))
        return table
    table.add_column(story.metric, justify="right")
    table.add_column("static baseline", justify="right")
    table.add_column("drifted", justify="right")
    table.add_column("decision", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for line in story.windows:
        table.add_row(
            line.window,
            *counted(line),
            line.champion,
            number(line.current),
            number(line.first),
            drifted(line),
            line.decision.verdict.value if line.decision else "-",
            " -> ".join(part for part in (reason(line), answered(line)) if part),
        )
    for judged in story.unasked:
        row = (f"{judged.as_of:%Y-%m-%d}", *["-"] * 7, "asked", outcome(judged))
        table.add_row(*row)
    return table


def counted(line: WindowStory) -> tuple[str, str, str]:
    """Rows in, quarantined and published."""
    return f"{line.rows_in:,}", f"{line.quarantined:,}", f"{line.published:,}"


def number(value: float | None) -> str:
    """A metric for people; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def drifted(line: WindowStory) -> str:
    """Share of the importance that lies in features that drifted."""
    if line.evidence is None or not line.evidence.weighed:
        return "-"
    return f"{line.evidence.moved_importance:.0%}"


def outcome(judged: Decision) -> str:
    """What became of a version, and why."""
    return f"v{judged.model_version} {judged.verdict.value}d: {judged.reason}"


def answered(line: WindowStory) -> str:
    """What came of the decision."""
    return outcome(line.answer) if line.answer else ""


def reason(line: WindowStory) -> str:
    """Why it was decided so."""
    return line.decision.reason if line.decision else ""


def write_page(
    story: Story,
    folder: Path,
    written_at: datetime,
    links: dict[str, str],
    name: str = "index.html",
) -> Path:
    """Write a page with its plots inside; needs nothing else to be looked at."""
    environment = Environment(
        loader=PackageLoader("headrace_launcher.project"),
        autoescape=select_autoescape(default=True),
    )
    environment.filters["number"] = number
    page = environment.get_template("report.html").render(
        story=story,
        written_at=written_at,
        links=links,
        reason=reason,
        drifted=drifted,
        outcome=outcome,
        plots={"results": results_plot(story), "inputs": inputs_plot(story)} if story.model else {},
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    draft = folder / f"{name}.draft"
    draft.write_text(page, encoding="utf-8")
    draft.replace(file)
    return file


def results_plot(story: Story) -> str:
    """The served model against the static baseline, with promotions marked; as SVG."""
    figure, axes = new_plot()
    shown = [line for line in story.windows if line.current is not None]
    windows = [line.window for line in shown]
    axes.plot(
        windows,
        [line.first for line in shown],
        "o--",
        color="#9a7b4f",
        label="static baseline: the first model",
    )
    axes.plot(
        windows, [line.current for line in shown], "o-", color="#1f6f8b", label="served model"
    )
    previous = None
    for line in shown:
        if previous and line.champion != previous:
            axes.annotate(
                line.champion,
                (line.window, line.current),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                color="#1f6f8b",
            )
        previous = line.champion
    axes.set_ylabel(story.metric)
    axes.legend(frameon=False)
    return as_svg(figure)


def inputs_plot(story: Story) -> str:
    """How much of the importance lies in features that drifted, by window; as SVG."""
    model = cast("Model", story.model)
    figure, axes = new_plot()
    shown = [line for line in story.windows if line.evidence and line.evidence.weighed]
    limit = model.monitors.inputs
    shares = [line.evidence.moved_importance for line in shown if line.evidence]
    axes.bar([line.window for line in shown], shares, color="#7aa6a1")
    axes.axhline(limit.importance_share, color="#b03a2e", linestyle="--", linewidth=1)
    axes.set_ylabel("importance in drifted features")
    axes.set_ylim(0, 1)
    return as_svg(figure)


def new_plot() -> tuple[Any, Any]:
    """An empty plot that opens no window."""
    from matplotlib.figure import Figure  # late: the import costs a second

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelrotation=30)
    return figure, axes


def as_svg(figure: Any) -> str:
    """A plot as inline SVG, without metadata: it would name addresses of others."""
    text = StringIO()
    none = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", metadata=none)
    return text.getvalue()[text.getvalue().index("<svg") :]
