"""Monitors that installed extensions add to what is watched of a served model."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.extension_options import NoOptions, options_of
from headrace_schemas.extensions import Extensions


@dataclass(frozen=True)
class Monitor:
    """What there is to know of a monitor without measuring.

    Attributes:
        name: As a model's declaration has it.
        options: What the declaration may say to it.
        measure: `module:function` of `measure(window, reference, options) -> list[Signal]`, imported
            on Spark's side only. `window` is the DataFrame of the partition's rows of the feature
            table, `reference` that of the rows which the champion learnt from.
    """

    name: str
    measure: str
    options: type[Frozen] = NoOptions


MONITORS: Extensions[Monitor] = Extensions("headrace.monitors", Monitor, ())


def is_monitor(name: str) -> str:
    """Someone measures it."""
    return MONITORS.named(name).name


class AddedMonitor(Frozen):
    """A monitor of an extension, for one model.

    Attributes:
        name: Of the monitor.
        options: What it wants to know.
    """

    name: Annotated[str, AfterValidator(is_monitor)]
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def knows_its_options(self) -> "AddedMonitor":
        """Refuse what the monitor does not know."""
        options_of(MONITORS.named(self.name).options, self.options)
        return self
