"""What a declaration says to an extension that it names."""

from typing import Any

from pydantic import ValidationError

from headrace_schemas.declarations.declaration import Frozen


class NoOptions(Frozen):
    """For what is declared by its name alone."""


def options_of(kind: type[Frozen], given: dict[str, Any]) -> Frozen:
    """Options as the class of who reads them.

    Raises:
        ValueError: For the first that does not fit, with the known ones.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("options", *first["loc"])))
        known = ", ".join(sorted(kind.model_fields)) or "none"
        raise ValueError(f"{place}: {first['msg']}. Known options: {known}") from error
