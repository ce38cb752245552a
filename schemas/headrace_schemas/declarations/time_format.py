"""How a delivered source writes times: Java's patterns as Spark reads them, or counts since 1970."""

import re

EPOCHS = {
    "epoch_seconds": 6,
    "epoch_milliseconds": 3,
    "epoch_microseconds": 0,
    "epoch_nanoseconds": -3,
}
"""Word → power of ten that makes microseconds of the number. They count from 1970, UTC."""

LETTERS = {
    "y": (2, 4),
    "M": (1, 2, 3, 4),
    "d": (1, 2),
    "D": (1, 2, 3),
    "H": (1, 2),
    "h": (1, 2),
    "a": (1,),
    "m": (1, 2),
    "s": (1, 2),
    "S": tuple(range(1, 10)),
    "X": (1, 2, 3, 4, 5),
    "x": (1, 2, 3, 4, 5),
    "Z": (1, 2, 3, 4, 5),
    "O": (1, 4),
}
"""Letter → how often it may stand in a row.

Not there: what Spark cannot read (`E`, `u`, `Y`, `w`), what invents digits (`y` alone makes the year
24 of 24), and names of zones (`z`, `VV`), since an hour of the clock change is not one instant."""

OFFSETS = frozenset("XxZO")

TOKEN = re.compile(
    r"(?P<literal>'(?:[^']|'')*')|(?P<letters>([A-Za-z])\3*)|(?P<other>.)", re.DOTALL
)


def check_format(format: str) -> str:
    """Refuse a text that says no time or not one time.

    Raises:
        ValueError: Saying what is wrong and what may stand there.
    """
    if format in EPOCHS:
        return format
    runs = read_runs(format)
    found = {run[0] for run in runs}
    if len(runs) != len(found):
        raise ValueError(f"{format!r} gives a part of the time twice")
    if not ("y" in found and ("D" in found or {"M", "d"} <= found)):
        raise ValueError(
            f"{format!r} does not give year, month and day: they would be invented; write a pattern "
            f"such as 'dd/MM/yyyy HH:mm:ss', or one of {', '.join(EPOCHS)}"
        )
    if "D" in found and found & {"M", "d"}:
        raise ValueError(
            f"{format!r} gives the day twice: D is the day of the year, d of the month"
        )
    if ("h" in found) != ("a" in found) or {"h", "H"} <= found:
        raise ValueError(f"{format!r}: the hour is HH (0 to 23), or hh (1 to 12) with a (AM or PM)")
    hour = "H" in found or "h" in found
    if ("m" in found and not hour) or ("s" in found and "m" not in found):
        raise ValueError(f"{format!r} gives minutes (mm) without hours, or seconds without minutes")
    if "S" in found and "s" not in found:
        raise ValueError(f"{format!r} gives fractions (S) without seconds (ss)")
    return format


def read_runs(format: str) -> list[str]:
    """The runs of letters of a pattern, such as `dd`, `MM`, `yyyy`."""
    runs: list[str] = []
    depth, before = 0, ""
    for token in TOKEN.finditer(format):
        text = token.group()
        depth += {"[": 1, "]": -1}.get(text, 0)
        if text in ("'", "{", "}", "#") or depth not in (0, 1):
            raise ValueError(f"{format!r}: {text!r} stands alone; quote it as in 'T'")
        if token.group("letters"):
            runs.append(check_run(format, text, before))
        before = text
    if depth:
        raise ValueError(f"{format!r}: '[' is not closed")
    return runs


def check_run(format: str, run: str, before: str) -> str:
    """One run of letters that Spark reads as it is meant."""
    allowed = LETTERS.get(run[0])
    if allowed is None or len(run) not in allowed:
        known = ", ".join(letter * times[-1] for letter, times in LETTERS.items() if letter != "S")
        raise ValueError(
            f"{format!r}: {run!r} is not read; the parts are {known} or shorter (a year is yyyy or "
            "yy), fractions of seconds S to SSSSSSSSS, words in single quotes as in 'T'"
        )
    if run[0] == "S" and before not in (".", ","):
        raise ValueError(f"{format!r}: fractions ({run}) are read behind '.' or ',' only")
    return run


def has_offset(format: str) -> bool:
    """Whether texts of this format say their distance to UTC."""
    return format not in EPOCHS and any(run[0] in OFFSETS for run in read_runs(format))


def has_short_year(format: str) -> bool:
    """Whether the year has two digits."""
    return format not in EPOCHS and "yy" in read_runs(format)
