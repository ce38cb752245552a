"""What can go wrong with what other distributions add to Headrace."""

from collections.abc import Sequence

from headrace_schemas.errors import HeadraceError, listed


def kind_of(group: str) -> str:
    """What a group of entry points is called in a message: `job` of `headrace.jobs`."""
    return group.rpartition(".")[2].removesuffix("s")


class ExtensionUnknown(HeadraceError, ValueError):
    """A name that neither Headrace nor an installed distribution gives."""

    def __init__(self, group: str, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"there is no {kind_of(group)} {name!r}. Known: {listed(known) or 'none'}. Install the "
            f"distribution that adds it (entry points {group}), or correct the name.",
            group=group,
            name=name,
            known=list(known),
        )


class ExtensionTwice(HeadraceError, ValueError):
    """A name that two distributions give."""

    def __init__(self, group: str, name: str, first: str, second: str) -> None:
        super().__init__(
            f"{kind_of(group)} {name!r} is given by {first} and by {second}. Uninstall one of them, "
            f"or have it renamed (entry points {group}).",
            group=group,
            name=name,
            distributions=[first, second],
        )


class ExtensionInvalid(HeadraceError, ValueError):
    """What an entry point gives, or the code that it names, is not what it should be."""

    def __init__(self, group: str, name: str, value: str, problem: str) -> None:
        super().__init__(
            f"{kind_of(group)} {name!r} ({value}) cannot be used: {problem}. Mend or uninstall the "
            f"distribution that adds it (entry points {group}).",
            group=group,
            name=name,
            value=value,
            problem=problem,
        )
