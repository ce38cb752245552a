"""How far a check of a table looks."""

from enum import StrEnum


class Depth(StrEnum):
    """How far a check looks; each looks at all that the one before it does.

    All of them list the log and the data files, and miss those that are not there or of another
    size. `tail` reads the log from its newest checkpoint on, as readers do; `log` all of it, which
    older versions are read from; `full` also all bytes of checkpoints and of the data files that
    the newest version has.
    """

    TAIL = "tail"
    LOG = "log"
    FULL = "full"
