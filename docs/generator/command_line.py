"""The commands of `headrace`, as the command itself knows them."""

from collections.abc import Iterator
from typing import Any

import typer
from docs.generator.markdown import sentence, table

from headrace_launcher.cli.app import app


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(
        described(name, one) for name, one in each("headrace", typer.main.get_command(app))
    )


def each(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The commands that a group holds, and those of its groups."""
    for inner, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from each(f"{name} {inner}", one)
    if not getattr(command, "commands", {}) or getattr(command, "invoke_without_command", False):
        yield name, command


def described(name: str, command: Any) -> str:
    """One command."""
    taken = [one for one in command.params if one.name != "help" and not one.hidden]
    parts = [f"## `{name}`", " ".join((command.help or "").split())]
    if taken:
        parts.append(table(("", "", "default"), [row(one) for one in taken]))
    return "\n\n".join(parts)


def row(parameter: Any) -> tuple[str, str, str]:
    """An argument, or an option with its short forms."""
    if parameter.param_type_name == "argument":
        name = parameter.name.upper()
        shown = f"`{name}`" if parameter.required else f"`[{name}]`"
    else:
        value = "" if parameter.is_flag else f" {parameter.name.upper()}"
        shown = ", ".join(f"`{one}{value}`" for one in parameter.opts)
    default = parameter.default
    has_default = not (default is None or default is False or callable(default))
    return shown, sentence(parameter.help or ""), f"`{default}`" if has_default else ""
