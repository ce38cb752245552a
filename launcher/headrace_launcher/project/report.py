"""The story of a pipeline and its model, a row a partition: a table, and a page with plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, PackageLoader, select_autoescape
from rich.table import Table as RichTable

from headrace_launcher.project.lake_view import LakeView
from headrace_launcher.project.replay import answer_to, decision_on
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.partition import Partition


@dataclass(frozen=True)
class Account:
    """What became of the rows of one batch."""

    table: str
    batch: str
    rows_in: int
    published: int
    quarantined: int
    broken_rules: dict[str, int]

    @property
    def is_balanced(self) -> bool:
        """Rows in = published + quarantined."""
        return self.rows_in == self.published + self.quarantined

    @property
    def is_noted(self) -> bool:
        """Whether there is something to look at: rows in quarantine, or rows that do not add up."""
        return self.quarantined > 0 or not self.is_balanced


@dataclass(frozen=True)
class Line:
    """One partition of the story."""

    window: str
    rows_in: int
    published: int
    quarantined: int
    evidence: MonitorEvidence | None
    decision: Decision | None
    answer: Decision | None

    @property
    def current(self) -> float | None:
        """The served model's metric on matured labels."""
        performance = self.evidence.performance if self.evidence else None
        return performance.current if performance else None

    @property
    def first(self) -> float | None:
        """The never-relearned first model's metric on the same rows."""
        performance = self.evidence.performance if self.evidence else None
        return performance.first if performance else None

    @property
    def champion(self) -> str:
        """The version that served."""
        served = self.evidence.champion if self.evidence else None
        return f"v{served}" if served else "-"

    @property
    def outcome(self) -> str:
        """What came of the decision."""
        return outcome(self.answer) if self.answer else ""


@dataclass(frozen=True)
class Story:
    """Everything that the table and the page show."""

    pipeline: Pipeline
    model: Model | None
    lines: tuple[Line, ...]
    accounts: tuple[Account, ...]
    unasked: tuple[Decision, ...] = ()
    """On versions that no partition asked for: a person or the calendar did."""

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.pipeline.name}: {self.model.name}" if self.model else self.pipeline.name

    @property
    def metric(self) -> str:
        """The metric that the model is watched by; empty without a model."""
        return self.model.monitors.performance.metric if self.model else ""

    @property
    def unbalanced(self) -> list[Account]:
        """Batches whose rows do not add up."""
        return [account for account in self.accounts if not account.is_balanced]

    def worse_than_first(self) -> list[str]:
        """Windows in which a never-relearned first model would have been better."""
        sign = 1 if METRICS.named(self.metric).higher_is_better else -1
        return [
            line.window
            for line in self.lines
            if line.current is not None
            and line.first is not None
            and sign * (line.current - line.first) < 0
        ]

    def promotions(self) -> list[Decision]:
        """Versions that came to serve."""
        return [one for one in self.judged() if one.verdict is Verdict.PROMOTE]

    def refusals(self) -> list[Decision]:
        """Versions that did not."""
        return [one for one in self.judged() if one.verdict is Verdict.REFUSE]

    def judged(self) -> list[Decision]:
        """Every version that was trained and compared."""
        return [line.answer for line in self.lines if line.answer] + list(self.unasked)


def tell(
    lake: LakeView, pipeline: Pipeline, model: Model | None, windows: Sequence[Partition]
) -> Story:
    """Read the story from the lake; of tables alone where no model learns from them."""
    accounts = tuple(account_for(lake, pipeline))
    ledger = lake.ledger(model.name) if model else []
    lines = []
    for key in [window.key for window in windows] or sorted({one.batch for one in accounts}):
        own = [one for one in accounts if one.batch == key]
        decision = decision_on(ledger, key)
        lines.append(
            Line(
                window=key,
                rows_in=sum(one.rows_in for one in own),
                published=sum(one.published for one in own),
                quarantined=sum(one.quarantined for one in own),
                evidence=read_evidence(decision) if decision else None,
                decision=decision,
                answer=answer_to(ledger, decision) if decision else None,
            )
        )
    shown = {line.answer.id for line in lines if line.answer}
    unasked = tuple(one for one in ledger if one.kind is Kind.PROMOTION and one.id not in shown)
    return Story(pipeline, model, tuple(lines), accounts, unasked)


def account_for(lake: LakeView, pipeline: Pipeline) -> list[Account]:
    """Every batch's rows: in by the gate's record, the rest counted in the tables themselves."""
    accounts = []
    for build in pipeline.tables:
        published, quarantined = lake.partition_rows(build.name), lake.quarantined_rows(build.name)
        reasons = lake.quarantine_reasons(build.name)
        for batch in sorted(published.keys() | quarantined.keys()):
            rows_in = lake.rows_in(build.name, batch)
            if rows_in is None:
                continue
            accounts.append(
                Account(
                    table=build.name,
                    batch=batch,
                    rows_in=rows_in,
                    published=published.get(batch, 0),
                    quarantined=quarantined.get(batch, 0),
                    broken_rules=reasons.get(batch, {}),
                )
            )
    return accounts


def terminal_table(story: Story) -> RichTable:
    """The story for a terminal, one row a partition."""
    table = RichTable(title=story.title, show_lines=False)
    counts = ("partition", "rows in", "quarantined", "published")
    for name in (*counts, "champion") if story.model else counts:
        table.add_column(name, justify="right" if name != "partition" else "left", no_wrap=True)
    if story.model is None:
        for line in story.lines:
            table.add_row(line.window, *counted(line))
        return table
    table.add_column(story.metric, justify="right")
    table.add_column("never relearned", justify="right")
    table.add_column("moved", justify="right")
    table.add_column("decision", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for line in story.lines:
        table.add_row(
            line.window,
            *counted(line),
            line.champion,
            number(line.current),
            number(line.first),
            moved(line),
            line.decision.verdict.value if line.decision else "-",
            " -> ".join(part for part in (reason(line), line.outcome) if part),
        )
    for judged in story.unasked:
        row = (f"{judged.as_of:%Y-%m-%d}", *["-"] * 7, "asked", outcome(judged))
        table.add_row(*row)
    return table


def counted(line: Line) -> tuple[str, str, str]:
    """Rows in, quarantined and published."""
    return f"{line.rows_in:,}", f"{line.quarantined:,}", f"{line.published:,}"


def number(value: float | None) -> str:
    """A metric for people; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def moved(line: Line) -> str:
    """Share of the importance that lies in features that moved."""
    if line.evidence is None or not line.evidence.weighed:
        return "-"
    return f"{line.evidence.moved_importance:.0%}"


def outcome(judged: Decision) -> str:
    """What became of a version, and why."""
    return f"v{judged.model_version} {judged.verdict.value}d: {judged.reason}"


def reason(line: Line) -> str:
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
        moved=moved,
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
    """The served model against the never-relearned one, with promotions marked; as SVG."""
    figure, axes = new_plot()
    shown = [line for line in story.lines if line.current is not None]
    windows = [line.window for line in shown]
    axes.plot(
        windows,
        [line.first for line in shown],
        "o--",
        color="#9a7b4f",
        label="first model, never relearned",
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
    """How much of the importance lies in features that moved, by window; as SVG."""
    model = cast("Model", story.model)
    figure, axes = new_plot()
    shown = [line for line in story.lines if line.evidence and line.evidence.weighed]
    limit = model.monitors.inputs
    shares = [line.evidence.moved_importance for line in shown if line.evidence]
    axes.bar([line.window for line in shown], shares, color="#7aa6a1")
    axes.axhline(limit.importance_share, color="#b03a2e", linestyle="--", linewidth=1)
    axes.set_ylabel("importance in moved features")
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
