"""Classes of Great Expectations' kind that a project or an installed distribution brings.

A contract names one as `module:Class`, or by the short name of an entry point. It is imported by
Spark's driver only, when the gate runs.
"""

import re
from dataclasses import dataclass

from headrace_schemas.extension_errors import ExtensionInvalid, ExtensionTwice, ExtensionUnknown
from headrace_schemas.extensions import Extensions
from headrace_schemas.rules.expectation_types import (
    ABOUT_ROWS,
    ABOUT_TABLES,
    REFUSED,
    refuse_misplaced,
)
from headrace_schemas.rules.rule import RuleInvalid

PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class ExpectationClass:
    """A short name for a class of Great Expectations' kind.

    Attributes:
        name: As contracts have it.
        implementation: `module:Class`, imported by Spark's driver only; empty for Great
            Expectations' own.
    """

    name: str
    implementation: str


EXPECTATIONS: Extensions[ExpectationClass] = Extensions(
    "headrace.expectations",
    ExpectationClass,
    tuple(ExpectationClass(name, "") for name in sorted([*ABOUT_ROWS, *ABOUT_TABLES])),
)

UNHEEDED = (
    "batch_id",
    "catch_exceptions",
    "condition_parser",
    "id",
    "rendered_content",
    "result_format",
    "row_condition",
    "unexpected_rows_query",
    "windows",
)
"""Arguments that every class has, or may have, and that a contract must not set: Headrace does, or
the class itself says it."""


def class_named(kind: str) -> str | None:
    """Where the class lies that a rule names, as `module:Class`; None if it names none.

    Raises:
        RuleInvalid: The name is not known, or cannot be used.
    """
    if kind in REFUSED or kind in ABOUT_ROWS or kind in ABOUT_TABLES:
        return None
    found = kind
    if ":" not in kind:
        try:
            found = EXPECTATIONS.named(kind).implementation
        except ExtensionUnknown as error:
            known = ", ".join(EXPECTATIONS.names())
            problem = f"expectation {kind} is not known; known: {known}, or a class as module:Class"
            raise RuleInvalid(problem, kind) from error
        except (ExtensionInvalid, ExtensionTwice) as error:
            raise RuleInvalid(error.message, kind) from error
    if not PLACE.fullmatch(found):
        raise RuleInvalid(f"{found} names no class; write module:Class", kind)
    return found


def check_class_arguments(names: list[str]) -> None:
    """Refuse arguments that are not the class's own; the others are checked when it is made.

    Raises:
        RuleInvalid: Naming the argument.
    """
    for name in names:
        refuse_misplaced(name)
        if name in UNHEEDED:
            raise RuleInvalid(
                f"{name} cannot be given to a class; let the class have an argument of its own",
                name,
            )
