"""What is known of a window without its rows: a few numbers of each column, from mergeable sketches."""

from headrace_schemas.decisions.signal import Evidence

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""At which shares of its present values a number's quantiles are kept; the ends are its bounds."""


class ColumnProfile(Evidence):
    """One column of one window. Shares are of all rows, 0 to 1.

    Attributes:
        kind: `number`, `flag` or `category`, as the model reads the column.
        rows: Of the window.
        missing: Share of NULL and NaN.
        zero: Share of the number 0 (of a flag: false); 0 for a category.
        top: Share of the most frequent value.
        distinct: Different present values, estimated where they are many.
        unseen: Share of categories that the champion never learnt; 0 for other kinds.
        longest_run: Longest run of one present value in the order of events, as a share.
        quantiles: Of a number's present values at `LEVELS`; empty for other kinds and without values.
        length: Mean length of present texts, in characters; None for other kinds.
    """

    column: str
    kind: str
    rows: int
    missing: float = 0.0
    zero: float = 0.0
    top: float = 0.0
    distinct: float = 0.0
    unseen: float = 0.0
    longest_run: float = 0.0
    quantiles: tuple[float, ...] = ()
    length: float | None = None


class LabelProfile(Evidence):
    """The labels of one window, or of one slice of it.

    Attributes:
        slice: Such as `origin=JFK`; empty for all rows.
        rows: With a label.
        mean: Of the labels; the base rate where they are 0 and 1.
        deviation: Standard deviation of the labels.
        flipped: Share of its log loss that the champion would lose less if labels of 0 and 1 were
            exchanged: above 0 speaks for labels that are upside down. None for numbers and without a champion.
        skill: How much better labels are predicted by a model of this window alone, cross-fitted, than
            by a constant: 1 - loss / loss of the constant. Near 0: they do not depend on the
            features. None where rows are too few.
    """

    slice: str = ""
    rows: int
    mean: float
    deviation: float
    flipped: float | None = None
    skill: float | None = None


class WindowProfile(Evidence):
    """All that is compared of a window with windows before it.

    Attributes:
        window: Partition key.
        rows: Of the feature table's partition.
        delivered: Rows that its gate saw; None where that is not known.
        quarantined: Of those, share that went to quarantine; None where that is not known.
        columns: The features.
        labels: All rows first, then slices; empty without labels.
    """

    window: str
    rows: int
    delivered: int | None = None
    quarantined: float | None = None
    columns: tuple[ColumnProfile, ...] = ()
    labels: tuple[LabelProfile, ...] = ()
