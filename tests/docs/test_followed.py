"""The tutorial and the how-tos of a project of one's own: what they say is done, and comes to what they say."""

from pathlib import Path

import pytest

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.project import Project
from tests.dags.reading import read_project
from tests.docs.followed import Reader, steps

QUICK = ("headrace new", "headrace validate", "cd ", "rm ", "printf ", "mv ", "python -c")
"""Commands that need no Java, no service and nothing installed."""


def is_quick(command: str) -> bool:
    return command.startswith(QUICK)


def needs_no_airflow(command: str) -> bool:
    return is_quick(command) or command.startswith("headrace run")


def made(reader: Reader) -> Path:
    """The project that how-tos are tried in."""
    reader.type("headrace new shop && cd shop")
    return reader.folder


def test_declarations_of_the_tutorial_are_right_when_it_is_followed(reader: Reader) -> None:
    reader.environment["PYTHONPATH"] = f"{reader.environment.get('PYTHONPATH', '')}:jobs"
    reader.follow("tutorial.md", is_quick)
    project = Project.read(reader.folder, {})
    catalog = Catalog.load(project.schemas)
    assert set(catalog.builds) == {"silver.counts", "gold.count_features"}
    assert catalog.models["bicycles_per_hour"].task == "regression"
    delivered = list((project.root / "landing" / "counts").glob("*.csv"))
    assert len(delivered) == 31
    assert read_project(project.root)["errors"] == {}
    assert "2 contracts" in reader.printed[-1]


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("how-to/deliver-files.md", "silver.stock"),
        ("how-to/test-a-transform.md", "gold.channel_days"),
        ("how-to/ingest-from-a-database.md", "silver.orders"),
    ],
)
def test_declarations_are_right_when_a_how_to_is_followed(
    reader: Reader, page: str, table: str
) -> None:
    project = made(reader)
    for step in steps(page):
        if step.file:
            reader.write(step.file, step.text)
        for command in filter(is_quick, step.text.splitlines()):
            reader.type(command)
    reader.type("headrace validate")
    assert table in Catalog.load(project / "schemas").builds


def test_rows_of_a_database_are_delivered_when_the_how_to_is_followed(reader: Reader) -> None:
    project = made(reader)
    reader.follow("how-to/ingest-from-a-database.md", lambda command: "python -c" in command)
    lines = (project / "landing" / "orders" / "2025-04-01.csv").read_text().splitlines()
    assert lines[:2] == [
        "order_id,ordered_at,channel,items,amount,packed_at",
        "0,2025-04-01T09:00:00Z,web,1,5.5,2025-04-01T10:00:00Z",
    ]
    assert len(lines) == 31
    result = read_project(project)
    assert result["errors"] == {}
    assert "orders_export" in result["dags"]


@pytest.mark.spark
def test_bad_row_is_in_quarantine_when_files_are_delivered_as_the_how_to_says(
    reader: Reader,
) -> None:
    made(reader)
    reader.follow("how-to/deliver-files.md", needs_no_airflow)
    ran, shown = reader.printed[-2:]
    assert "silver.stock 2025-03-01: warned, 3 rows in, 1 quarantined" in ran
    assert "['pieces.minimum'] stock/2025-03-01/south.csv 2 " in shown


@pytest.mark.spark
@pytest.mark.parametrize("page", ["tutorial.md", "how-to/test-a-transform.md"])
def test_cases_pass_when_a_page_is_followed(reader: Reader, page: str) -> None:
    if page != "tutorial.md":
        made(reader)
    reader.environment["PYTHONPATH"] = f"{reader.environment.get('PYTHONPATH', '')}:jobs"
    reader.follow(page, lambda command: command.startswith((*QUICK, "headrace test")))
    assert any(" passed" in printed for printed in reader.printed), reader.printed
