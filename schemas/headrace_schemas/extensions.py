"""What installed distributions, and the project itself, add to Headrace: found by entry points.

Purpose: a kind of thing that Headrace knows by name (jobs, ...) is open to others. How it works: an
entry point of the kind's group gives a small frozen description. It can be imported on both sides,
as it only names the code that does the work (`module:function`), which is imported where it runs.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from headrace_schemas.extension_errors import ExtensionInvalid, ExtensionTwice, ExtensionUnknown
from headrace_schemas.project import FILE, Project
from headrace_schemas.project_errors import ProjectMissing

OWN = "headrace"
"""The distribution of what Headrace brings itself."""


class Named(Protocol):
    """What is found by its name."""

    @property
    def name(self) -> str:
        """As declarations, specs and entry points write it."""


T = TypeVar("T", bound=Named)


@cache
def installed() -> tuple[tuple[str, EntryPoint], ...]:
    """The entry points for Headrace with who gives each; looked for once in a process.

    Raises:
        ProjectInvalid, ProjectVersionUnfit: About this process's project.
    """
    found = [
        (entry_point.dist.name if entry_point.dist else entry_point.value, entry_point)
        for entry_point in entry_points()
    ]
    return tuple(
        (re.sub(r"[-_.]+", "-", provider).lower(), entry_point)
        for provider, entry_point in (*found, *of_project())
        if entry_point.group.startswith(f"{OWN}.")
    )


def of_project() -> list[tuple[str, EntryPoint]]:
    """The entry points that this process's project declares; it need not be installed."""
    try:
        project = Project.current()
    except ProjectMissing:
        return []
    content = tomllib.loads((project.root / FILE).read_text(encoding="utf-8")).get("project", {})
    provider = str(content.get("name", project.name))
    return [
        (provider, EntryPoint(name, value, group))
        for group, entries in content.get("entry-points", {}).items()
        for name, value in entries.items()
    ]


@dataclass(frozen=True)
class Extensions(Generic[T]):
    """All of one kind: Headrace's own, and what others add.

    Attributes:
        group: Of the entry points.
        kind: What an entry point gives.
        own: What Headrace brings itself.
    """

    group: str
    kind: type[T]
    own: tuple[T, ...]

    def names(self) -> list[str]:
        """Every known name, Headrace's own first.

        Raises:
            ExtensionTwice: Two distributions give the same name.
        """
        return [*(extension.name for extension in self.own), *sorted(self.added())]

    def named(self, name: str) -> T:
        """The one of a name; nothing of another is imported.

        Raises:
            ExtensionUnknown: There is none.
            ExtensionTwice: Two distributions give the same name.
            ExtensionInvalid: It cannot be imported, or is something else.
        """
        added = self.added()
        for extension in self.own:
            if extension.name == name:
                return extension
        if name not in added:
            raise ExtensionUnknown(self.group, name, self.names())
        return self.loaded(added[name])

    def schema(self) -> dict[str, Any]:
        """A name's JSON Schema: editors propose Headrace's own, and take any other."""
        return {"anyOf": [{"enum": [extension.name for extension in self.own]}, {"type": "string"}]}

    def added(self) -> dict[str, EntryPoint]:
        """The entry points of others, by name.

        Raises:
            ExtensionTwice: Two distributions give the same name.
        """
        providers = dict.fromkeys((extension.name for extension in self.own), OWN)
        found = {}
        for provider, entry in installed():
            if entry.group != self.group:
                continue
            if providers.setdefault(entry.name, provider) != provider:
                raise ExtensionTwice(self.group, entry.name, providers[entry.name], provider)
            found[entry.name] = entry
        return found

    def loaded(self, entry: EntryPoint) -> T:
        """What an entry point gives.

        Raises:
            ExtensionInvalid: It cannot be imported, or is something else.
        """
        try:
            found = entry.load()
        except Exception as error:  # code of others: whatever it raises, this is who to ask
            raise ExtensionInvalid(
                self.group, entry.name, entry.value, f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(found, self.kind):
            problem = f"it is a {type(found).__name__}, not a {self.kind.__name__}"
            raise ExtensionInvalid(self.group, entry.name, entry.value, problem)
        if found.name != entry.name:
            problem = f"it calls itself {found.name!r}"
            raise ExtensionInvalid(self.group, entry.name, entry.value, problem)
        return found

    def code(self, extension: T, where: str) -> Callable[..., Any]:
        """The function that does the work of `one`; only for the side on which it works.

        Args:
            where: As `module:function`.

        Raises:
            ExtensionInvalid: There is no such function, or its module cannot be imported.
        """
        module, _, function = where.partition(":")
        try:
            found: Callable[..., Any] = getattr(import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise ExtensionInvalid(self.group, extension.name, where, str(error)) from error
        return found
