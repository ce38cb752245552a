"""What the how-tos show is done here as a reader would, and must work."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from open_data_contract_standard.model import DataQuality

from headrace_launcher.project.validate import validate
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model, Monitors
from headrace_schemas.declarations.source import Source
from headrace_schemas.rules.quality import quality_rule
from headrace_schemas.types import ColumnType
from tests.distributions import install, on_path

PROJECT = Path(__file__).parents[2]
HOW_TO = PROJECT / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    text = (HOW_TO / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """The flagship's declarations, to be added to."""
    folder = tmp_path / "schemas"
    for kind in ("contracts", "pipelines", "models"):
        shutil.copytree(PROJECT / "schemas" / kind, folder / kind)
    return folder


def test_table_of_the_how_to_is_right_when_added(schemas, tmp_path, monkeypatch):
    contract, entry, *_ = blocks("add-a-table.md", "yaml")
    (transform,) = blocks("add-a-table.md", "python")
    (schemas / "contracts/gold/carrier_days.odcs.yaml").write_text(contract)
    pipeline = schemas / "pipelines/flights.yaml"
    pipeline.write_text(pipeline.read_text().rstrip("\n") + "\n" + entry)
    module = "flights.carrier_days"
    assert module in entry
    pipeline.write_text(pipeline.read_text().replace(module, "carrier_days"))
    (tmp_path / "carrier_days.py").write_text(transform)
    monkeypatch.syspath_prepend(tmp_path)
    before = validate(PROJECT / "schemas")
    assert validate(schemas).transforms == before.transforms + 1


def test_sources_of_the_how_to_are_right_when_read():
    _, _, *entries = blocks("add-a-table.md", "yaml")
    found = {name: entry for text in entries for name, entry in yaml.safe_load(text).items()}
    sources = {name: Source.model_validate(entry["source"]) for name, entry in found.items()}
    assert sources["bronze.readings"].null_values == ("", "NA")
    assert sources["bronze.sales"].form_of("sold_at", "TIMESTAMP").formats == (
        "epoch_milliseconds",
    )
    options = set(Source.model_fields) - {"files", "format", "null_values"}
    page = (HOW_TO / "add-a-table.md").read_text()
    assert [one for one in sorted(options) if f"`{one}`" not in page] == []


def test_model_of_the_how_to_is_right_when_added(schemas):
    short, model, regression = blocks("add-a-model.md", "yaml")
    for text in (short, model):
        (schemas / "models/weather_delay.yaml").write_text(text)
        declared = yaml.safe_load(text)
        assert set(Catalog.load(schemas).models) == {"delay", declared["name"]}
    assert len(yaml.safe_load(short)) == 6
    assert Model.model_validate(declared | yaml.safe_load(regression)).task == "regression"


def test_wheel_of_the_how_to_is_the_one_that_is_tested():
    tree = PROJECT / "tests/extensions/shop_extras"
    (written,) = blocks("extend-by-a-wheel.md", "toml")
    assert written == (tree / "pyproject.toml").read_text()
    shown = blocks("extend-by-a-wheel.md", "python")
    files = {file.read_text() for file in (tree / "shop_extras").glob("[a-z]*.py")}
    assert sorted(shown) == sorted(files)


def test_declarations_of_the_wheel_are_right_when_it_is_installed(tmp_path):
    found = (yaml.safe_load(one) for one in blocks("extend-by-a-wheel.md", "yaml"))
    source, monitors, rules = found
    install(tmp_path, PROJECT / "tests/extensions/shop_extras")
    with on_path(tmp_path):
        (entry,) = source.values()
        assert Source.model_validate(entry["source"]).format == "json_lines"
        assert Monitors.model_validate(monitors["monitors"]).added[0].name == "missing_values"
        (rule,) = rules["quality"]
        named = quality_rule(DataQuality(**rule), 0, "price", {"price": ColumnType.parse("DOUBLE")})
        assert named.expectation.type == "shop_extras.whole_cents:ExpectWholeCents"


def test_links_lead_somewhere_when_followed():
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_make_targets_exist_when_a_page_names_them():
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]:
        named = re.findall(r"[`$] ?make ([a-z0-9-]+)", page.read_text())
        assert set(named) <= targets, page
