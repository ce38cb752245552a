"""The forms of names in declarations, and how a message says them."""

import re

TABLE_NAME = r"^(bronze|silver|gold)\.[a-z][a-z0-9_]*$"
PLAIN_NAME = r"^[a-z][a-z0-9_]*$"
TRANSFORM = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$|^[\w/.-]+\.sql$"

FORMS = {
    TABLE_NAME: "must be called bronze.*, silver.* or gold.*, in small letters, digits and _",
    PLAIN_NAME: "must begin with a small letter and hold small letters, digits and _ only",
    TRANSFORM: "must be module:function, or a .sql file beside the pipeline",
}
"""What stands in a message in the place of the pattern."""

LONGEST_NAME = 200
"""Characters of a table's name: Airflow takes 250 for a Dag, a folder's name has 255 at most, and
both get additions."""

LONGEST_TAG = 100
TOO_LONG_FOR_A_TAG = f"is longer than the {LONGEST_TAG} characters that Airflow takes of a tag"
"""Models and pipelines are tags of their Dags."""


def form_of(name: str, pattern: str) -> str:
    """What is wrong with a name; empty if nothing is."""
    if not re.fullmatch(pattern, name, re.ASCII):
        return FORMS[pattern]
    return f"is longer than {LONGEST_NAME} characters" if len(name) > LONGEST_NAME else ""
