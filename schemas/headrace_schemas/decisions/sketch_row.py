"""What is kept of one column of one window, so that any two windows can be compared without their rows."""

from headrace_schemas.declarations.declaration import Frozen


class SketchRow(Frozen):
    """One row of a model's table of sketches; a window that is read again replaces all of its rows.

    Attributes:
        window: Partition key.
        column: Of the feature table.
        kind: `number`, `flag` or `category`.
        rows: That were read.
        missing: Of them, rows with NULL or NaN.
        sketch: All counts, as JSON.
    """

    window: str
    column: str
    kind: str
    rows: int
    missing: int
    sketch: str
