"""The pages of reference say what the code says."""

import re
from pathlib import Path

import pytest
from docs.generator import pages
from docs.generator.sources import deriving_from
from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "docs/reference"


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_page_is_current_when_it_is_made_again(page):
    text = page.read_text()
    assert pages.filled(text) == text, "run `make docs`"


def test_every_block_is_on_a_page():
    text = "".join(page.read_text() for page in pages.PAGES)
    assert {found["name"] for found in pages.BLOCK.finditer(text)} == set(pages.BLOCKS)


def test_every_page_is_reached_when_one_starts_at_the_index():
    index = (REFERENCE / "README.md").read_text()
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    assert linked == {page.name for page in pages.PAGES} - {"README.md"}


def test_every_error_says_something_when_it_is_looked_up():
    page = (REFERENCE / "errors.md").read_text()
    names = [one.name for one in deriving_from("HeadraceError")]
    assert len(names) > 40
    assert [one for one in names if f"### {one}\n\n" not in page] == []
    assert [one.name for one in deriving_from("HeadraceError") if not one.docstring] == []


def test_keys_of_contracts_are_the_standard_s_when_the_page_names_them():
    page = (REFERENCE / "contract.md").read_text().partition("## Types")[0]
    named = set(re.findall(r"^\| `([a-zA-Z]+)", page, re.MULTILINE))
    named |= set(re.findall(r", `([a-zA-Z]+)` \|", page))
    known = {field.alias or name for name, field in OpenDataContractStandard.model_fields.items()}
    known |= {field.alias or name for name, field in SchemaProperty.model_fields.items()}
    assert len(named) > 12
    assert sorted(named - known) == []


def test_links_within_pages_lead_to_a_heading():
    for page in pages.PAGES:
        for target, anchor in re.findall(r"\]\(([\w./-]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings]
            assert anchor in anchors, f"{page.name}: {target}#{anchor}"
