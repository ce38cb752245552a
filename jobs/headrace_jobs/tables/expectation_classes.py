"""Classes of Great Expectations' kind that a contract names as `module:Class`.

Great Expectations finds a class by its name alone: one that is called like another would be run in
its place, for every rule of this process. Such a class is refused, and the other put back.
"""

from importlib import import_module
from typing import Any

from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
    register_expectation,
)

from headrace_schemas.errors import HeadraceError


class ExpectationUnusable(HeadraceError, ValueError):
    """What a contract names is no class that Great Expectations can run."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}", place=place, problem=problem)


def expectation_class(place: str) -> Any:
    """The class that lies at `module:Class`.

    Raises:
        ExpectationUnusable: There is none, it is something else, or it is called like another.
        Exception: Whatever its module raises when it is imported.
    """
    module, _, name = place.partition(":")
    known = list_registered_expectation_implementations()
    before = {kind: get_expectation_impl(kind) for kind in known}
    try:
        found: Any = getattr(import_module(module), name, None)
    except ImportError as error:
        missing = str(error).replace("'", "")  # what stands in quotes is not shown
        raise ExpectationUnusable(place, f"cannot be imported: {missing}") from error
    finally:
        replaced = [kind for kind, own in before.items() if get_expectation_impl(kind) is not own]
        for kind in replaced:
            register_expectation(before[kind])
    is_class = isinstance(found, type) and issubclass(found, Expectation)
    if not is_class or found.is_abstract():
        raise ExpectationUnusable(place, "is no class that derives from Expectation and can be run")
    if get_expectation_impl(found.expectation_type) is not found:
        raise ExpectationUnusable(place, "is called like another class; give it a name of its own")
    return found
