"""What can be wrong with a project and its declarations."""

import re
from collections.abc import Sequence

from headrace_schemas.errors import HeadraceError

SHOWN_PROBLEMS = 50
"""How many problems of declarations one message shows; the rest is counted."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What would break a line of a message, or speak to the terminal."""


def escaped(found: re.Match[str]) -> str:
    """A character that cannot be printed, as Python writes it."""
    return repr(found.group())[1:-1]


class DeclarationInvalid(HeadraceError, ValueError):
    """A contract, pipeline or model file that cannot be read as what it should be.

    Args:
        allowed: The keys that are known there, where one is not.
        column: Of the line, from 1 on, where it is known.
        value: What was found there, as it is written, if that is one value.
    """

    def __init__(
        self,
        file: str,
        line: int,
        key: str,
        problem: str,
        allowed: Sequence[str] = (),
        advice: str = "",
        *,
        column: int | None = None,
        value: str | None = None,
    ) -> None:
        known = f" Known keys here: {', '.join(allowed)}." if allowed else ""
        said = f"{key}: {problem}.{known}{f' {advice}' if advice else ''}"
        super().__init__(
            f"{file}:{line}: {UNPRINTABLE.sub(escaped, said)}",
            file=file,
            line=line,
            key=key,
            problem=problem,
            allowed=list(allowed),
            advice=advice,
            column=column,
            value=value,
        )

    @property
    def problems(self) -> tuple["DeclarationInvalid", ...]:
        """Each thing that is wrong."""
        return (self,)

    @property
    def place(self) -> tuple[str, int, str]:
        """File, line and key, by which problems are ordered."""
        return str(self.fields["file"]), int(str(self.fields["line"])), str(self.fields["key"])


class DeclarationsInvalid(DeclarationInvalid):
    """Several things that are wrong in declarations, by file and line; the fields are the first's."""

    def __init__(self, problems: Sequence[DeclarationInvalid]) -> None:
        self.all = tuple(sorted(problems, key=lambda problem: problem.place))
        file, line, key = self.all[0].place
        super().__init__(file, line, key, str(self.all[0].fields["problem"]))
        shown = [problem.message for problem in self.all[:SHOWN_PROBLEMS]]
        if rest := len(self.all) - len(shown):
            shown.append(f"... and {rest} more.")
        self.message = "\n".join([f"{len(self.all)} problems in the declarations:", *shown])
        self.args = (self.message,)

    @property
    def problems(self) -> tuple[DeclarationInvalid, ...]:
        """Each thing that is wrong."""
        return self.all


class ProjectMissing(HeadraceError, LookupError):
    """A folder that belongs to no project."""

    def __init__(self, folder: str, is_named: bool) -> None:
        where = "HEADRACE_PROJECT names it" if is_named else "nor has any folder above it"
        super().__init__(
            f"{folder} has no pyproject.toml with a table [tool.headrace]; {where}. Go to a project's "
            "folder, name one by HEADRACE_PROJECT, or make one: headrace new NAME.",
            folder=folder,
        )


class ProjectInvalid(HeadraceError, ValueError):
    """A table `[tool.headrace]` that cannot be read as a project."""

    def __init__(self, file: str, key: str, problem: str, known: Sequence[str]) -> None:
        where = f"[tool.headrace] {key}".rstrip()
        keys = f" Known keys: {', '.join(known)}." if known else ""
        super().__init__(f"{file}: {where}: {problem}.{keys}", file=file, key=key, problem=problem)


class ProjectVersionUnfit(HeadraceError, RuntimeError):
    """A project that is for other versions of Headrace than the one installed."""

    def __init__(self, name: str, file: str, requires: str, found: str) -> None:
        super().__init__(
            f"project {name} is for Headrace {requires} ({file}, requires), and {found} is installed. "
            f"Install a fitting one: pip install 'headrace{requires}'. With that one, "
            f"`headrace upgrade --check --to {found}` says what {found} changes; then change `requires`.",
            name=name,
            file=file,
            requires=requires,
            found=found,
        )
