"""The story of a pipeline and its model for a terminal, a row a partition, and its cells for the page."""

from rich.table import Table as RichTable
from rich.text import Text

from headrace_lake.story import Story, WindowStory
from headrace_schemas.decisions.decision import Decision, Verdict

COLOURS = {
    Verdict.TRAIN: "green",
    Verdict.HOLD: "bold red",
    Verdict.WATCH: "yellow",
}


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
            verdict(line),
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


def verdict(line: WindowStory) -> Text:
    """What was decided; of a hold, whether it still is one."""
    if line.decision is None:
        return Text("-")
    word = line.told.verdict if line.told else line.decision.verdict.value
    return Text(word, COLOURS.get(line.decision.verdict, ""))
