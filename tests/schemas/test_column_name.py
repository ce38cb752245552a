"""Names of columns: Headrace's own, one to Spark, held by a mapping; and contracts with such names."""

from pathlib import Path

import pytest
import yaml

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.column_name import alike, is_reserved, needs_mapping
from headrace_schemas.declarations.contract import Contract, load_contract
from headrace_schemas.project_errors import DeclarationInvalid
from tests.schemas.declarations import change, write


def load(folder: Path, *names: str) -> Contract:
    written = [yaml.safe_dump(name, default_style='"').strip() for name in names]
    properties = [
        f"      - {{name: {name}, logicalType: string, physicalType: STRING}}" for name in written
    ]
    head = (
        "apiVersion: v3.2.0\nkind: DataContract\nid: bronze.names\nname: bronze.names\n"
        "version: 1.0.0\nstatus: active\nschema:\n  - name: names\n    physicalName: bronze.names\n"
        "    logicalType: object\n    properties:\n"
    )
    file = folder / "names.odcs.yaml"
    file.write_text(head + "\n".join(properties) + "\n")
    return load_contract(file)


@pytest.mark.parametrize("name", ["_raw", "_partition", "_PARTITION", "_mine", "_", " ", "\t"])
def test_contract_is_refused_when_a_name_is_reserved_or_blank(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeclarationInvalid) as raised:
        load(tmp_path, "meter", name)
    assert raised.value.fields["line"] == 13
    assert raised.value.fields["key"] == "schema.0.properties.1.name"
    assert is_reserved(name) or not name.strip()


def test_contract_holds_names_as_they_are_written_when_they_are_odd(tmp_path: Path) -> None:
    names = ("outcome", "wind speed (m/s)", "a.b", "it's", "[x]", "größe", " lead", "x_", "a,b")
    assert load(tmp_path, *names).column_names == names
    assert [name for name in names if needs_mapping(name)] == [
        "wind speed (m/s)",
        "a.b",
        " lead",
        "a,b",
    ]


def test_names_are_alike_when_spark_takes_them_for_one() -> None:
    assert alike(["a", "B", "b", "ß", "ss", "É", "é", "c"]) == ["B", "b", "É", "é"]


def test_model_is_refused_when_predictions_have_a_column_of_its_key_s_name(tmp_path: Path) -> None:
    root = write(tmp_path)
    contract = root / "contracts/gold/readings.odcs.yaml"
    change(contract, "{name: meter,", "{name: Model_Version,")
    change(root / "models/load.yaml", "features: [meter]", "features: [Model_Version]")
    with pytest.raises(DeclarationInvalid, match="Model_Version") as raised:
        Catalog.load(root)
    assert "predictions have a column of this name" in str(raised.value)
    change(contract, "{name: Model_Version,", "{name: Version,")
    change(root / "models/load.yaml", "features: [Model_Version]", "features: [Version]")
    assert Catalog.load(root).models
