"""What a contract may say, from the tables by which contracts are read."""

from collections.abc import Collection

from docs.generator.markdown import table

from headrace_launcher.project.odcs import SERVES
from headrace_schemas.rules.expectation_types import ABOUT_ROWS, ABOUT_TABLES, REFUSED
from headrace_schemas.rules.options import BOUNDS, FORMS, RANGES, SIZED, SIZES
from headrace_schemas.rules.quality import KEYS, METRICS, THRESHOLDS
from headrace_schemas.rules.values import ORDERED
from headrace_schemas.types import KNOWN, NUMBERS, SYNONYMS, TEXTS


def types() -> str:
    """Types of columns, with the logical types that they may serve."""
    rows = []
    for one in KNOWN:
        stem = one.partition("(")[0].partition("<")[0]
        logical = [f"`{name}`" for name, stems in SERVES.items() if stem in stems]
        also = [f"`{name}`" for name, meant in SYNONYMS.items() if meant == stem]
        anything = stem in TEXTS
        rows.append((f"`{one}`", ", ".join(also), "all" if anything else ", ".join(logical)))
    return table(("`physicalType`", "also written", "may serve the `logicalType`"), rows)


def options() -> str:
    """Options of columns that become rules, with the types that they may be said of."""
    sized = {
        option: next(f for end, f in SIZED.items() if option.endswith(end)) for option in SIZES
    }
    formats = [*RANGES, "u128", *FORMS]
    rows = [
        *[(f"`{one}`", named(ORDERED), "a value of the column's type") for one in BOUNDS],
        *[(f"`{one}`", named(stems), "a whole number from 0") for one, stems in sized.items()],
        ("`pattern`", "any but nested types", "a regular expression of Java"),
        ("`multipleOf`", named(NUMBERS), "a number above 0; of FLOAT and DOUBLE a whole one"),
        ("`uniqueItems`", "ARRAY", "`true`"),
        ("`required`", "STRUCT", "a list of its fields"),
        ("`format`", "integers and texts", ", ".join(f"`{one}`" for one in formats)),
    ]
    return table(("option", "types", "value"), rows)


def metrics() -> str:
    """Keys of the three types of rules, and the metrics of `library`."""
    kinds = [
        (f"`{kind}`", ", ".join(f"`{one}`" for one in keys if one not in THRESHOLDS))
        for kind, keys in KEYS.items()
    ]
    known = [
        (f"`{metric}`", ", ".join(f"`{one}`" for one in arguments))
        for metric, arguments in METRICS.items()
    ]
    thresholds = ", ".join(f"`{one}`" for one in THRESHOLDS)
    return (
        f"{table(('`type`', 'keys'), kinds)}\n\n"
        f"Thresholds of `library` and `sql`: {thresholds}.\n\n"
        f"{table(('`metric`', '`arguments`'), known)}"
    )


def expectations() -> str:
    """Expectations that may be rules, and those that are refused."""
    rows = [
        (f"`{name}`", of, code_list(given.required), code_list(given.optional))
        for of, known in (("rows", ABOUT_ROWS), ("table", ABOUT_TABLES))
        for name, given in known.items()
    ]
    refused = [(f"`{name}`", why) for name, why in REFUSED.items()]
    shown = table(("expectation", "judges", "needs", "may have"), rows)
    return f"{shown}\n\n{table(('refused', 'because'), refused)}"


def code_list(names: tuple[str, ...]) -> str:
    """Names as code."""
    return ", ".join(f"`{one}`" for one in names)


def named(stems: Collection[str]) -> str:
    """Types in alphabetical order."""
    return ", ".join(sorted(stems))
