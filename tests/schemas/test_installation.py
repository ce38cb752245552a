"""Start-up says what is missing, or too much, with the command that mends it."""

import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from headrace_schemas.installation import (
    EXTRAS,
    ExtraMissing,
    SparkTwice,
    require_extra,
    require_one_spark,
)

PROJECT = Path(__file__).parents[2]


def install(folder: Path, package: str, release: str) -> None:
    """What an installer writes of a package."""
    about = folder / f"{package}-{release}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: {release}\n"
    )


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder that packages are installed in."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    return tmp_path


def test_command_that_mends_is_said_when_two_packages_own_spark(site: Path) -> None:
    install(site, "pyspark", "4.2.0")
    install(site, "pyspark_client", "4.2.1")
    with pytest.raises(SparkTwice) as refused:
        require_one_spark()
    assert refused.value.fields == {"spark": "4.2.0", "client": "4.2.1"}
    assert refused.value.message.endswith(
        "pip uninstall -y pyspark-client && pip install --force-reinstall --no-deps pyspark==4.2.0"
    )


@pytest.mark.parametrize("package", ["pyspark", "pyspark_client", "pyspark_other"])
def test_nothing_is_refused_when_one_package_owns_spark(site: Path, package: str) -> None:
    install(site, package, "4.2.0")
    require_one_spark()


def test_extra_is_named_with_its_command_when_modules_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(EXTRAS, "airflow", ("json", "lake_engine_of_nobody", "store_of_nobody"))
    with pytest.raises(ExtraMissing) as refused:
        require_extra("airflow")
    assert refused.value.message == (
        "headrace is installed without its extra airflow: there is no lake_engine_of_nobody, "
        f"store_of_nobody. Install it: pip install 'headrace[airflow]=={version('headrace')}'"
    )


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_modules_of_an_extra_are_those_of_its_packages(extra: str) -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = {
        canonicalize_name(Requirement(one).name) for one in declared["optional-dependencies"][extra]
    }
    brings = packages_distributions()
    found = {name: {canonicalize_name(one) for one in brings[name]} for name in EXTRAS[extra]}
    if extra == "airflow":  # its packages share one folder
        found.pop("airflow")
        wanted -= {one for one in wanted if one.startswith("apache-airflow")}
    assert [name for name in found if not found[name] & wanted] == []
    assert wanted - set().union(*found.values()) == set()
    require_extra(extra)
