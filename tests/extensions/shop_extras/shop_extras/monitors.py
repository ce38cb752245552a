"""Monitor `missing_values`: whether a column lacks more values than it did."""

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.monitors import Monitor


class MissingOptions(Frozen):
    """What a model may say to the monitor.

    Attributes:
        column: Of the feature table.
        most: By how much the share of NULLs may grow.
    """

    column: str
    most: float = Field(gt=0, lt=1)


MISSING_VALUES = Monitor("missing_values", "shop_extras.missing:measure", MissingOptions)
