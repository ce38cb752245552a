"""The words of Headrace: each has one meaning, and each thing one word."""

from collections.abc import Mapping

from docs.generator.markdown import sentence, table

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.docstrings import purpose
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.partition import Partition

WORDS: Mapping[str, str | type] = {
    "batch": "The rows that one run brings to a table: those of a partition, or all of them.",
    "bronze, silver, gold": "The layers of tables: as delivered, cleaned, ready for use.",
    "challenger": "A version that may replace the champion: judged beside it, on the same rows.",
    "champion": "The version of a model that serves.",
    "contract": Contract,
    "decision": Decision,
    "declaration": "A file of the team's that says what is true or wanted: a contract, pipeline or model.",
    "delivered table": "A table made of files that somebody puts below the landing root.",
    "derived table": "A table made of other tables.",
    "evolution": "What happens to a column that the contract does not know.",
    "gate": "The check between load and publish; it passes, warns or fails.",
    "holdout": "The newest labelled rows, which no training sees: a version is judged on them.",
    "job": "Work in Spark: a function that is asked by a spec and answers with a report.",
    "lake": "The folder or bucket in which all tables lie.",
    "landing root": "The folder or bucket below which files are delivered.",
    "ledger": "The table of decisions. Everything else about a model follows from it.",
    "matured": "Of a partition: its labels are complete, as `label_delay_days` have passed since its end.",
    "model": Model,
    "partition": Partition,
    "pin": "A version of a table that a job, a model or a person needs: its files are not removed.",
    "pipeline": Pipeline,
    "publish": "To make a batch visible, in one commit.",
    "quarantine": "The table beside a table that holds the rows which broke a critical rule, with the rule.",
    "reference window": "The rows that a window is compared with: those that the champion learnt from.",
    "rule": "What must hold of rows or of a batch: critical, warning or info.",
    "staging": "Where a batch lies until it is published; nobody reads it.",
    "transform": "A pure function, or a query, that makes a derived table of its inputs.",
    "version": "Of a table: the number of a commit. Of a model: the number of a training that was registered.",
}


def glossary() -> str:
    """All words, in alphabetical order; of what is a class, as its docstring says."""
    rows = [
        (word, sentence(meaning if isinstance(meaning, str) else purpose(meaning).split("\n")[0]))
        for word, meaning in sorted(WORDS.items())
    ]
    return table(("word", "meaning"), rows)
