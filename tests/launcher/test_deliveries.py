"""A folder of deliveries: whose files they are, and how they reach the landing area."""

from pathlib import Path

import pytest

from headrace_launcher.errors import (
    DeliveriesInvalid,
    DeliveriesMissing,
    FolderMissing,
    NothingDelivered,
)
from headrace_launcher.project.deliveries import Deliveries, landing_at, own_deliveries
from headrace_launcher.project.replay import Replay, sources
from headrace_launcher.project.replays import chosen, folder_of_deliveries
from headrace_launcher.services.settings import Settings
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake
from headrace_schemas.project import Project
from tests.projects import make_project

SCHEMAS = Path(__file__).parents[2] / "schemas"
CLINIC = Path(__file__).parents[1] / "e2e" / "clinic"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(SCHEMAS)


@pytest.fixture
def deliveries(tmp_path: Path) -> Deliveries:
    """Two months of flights, of one the weather as well, a snapshot, and what is nobody's."""
    names = ["flights/2013-02.csv", "flights/2013-01.csv", "weather/2013-02.csv"]
    names += ["flights/2013-02.csv.manifest.json", "planes/planes.csv", "flights/notes.txt"]
    names += ["flights/2014-01.csv"]  # after the pipeline's end
    for name in names:
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).write_text(name)
    return Deliveries(tmp_path / "given", landing_at(str(tmp_path / "landing"), {}))


def landed(folder: Path) -> list[str]:
    found = (folder / "landing").rglob("*")
    return sorted(str(one.relative_to(folder / "landing")) for one in found if one.is_file())


def test_partitions_are_those_with_files_when_they_lie_between_start_and_end(
    deliveries: Deliveries, catalog: Catalog
) -> None:
    found = deliveries.partitions(catalog.pipelines["flights"])
    assert [one.key for one in found] == ["2013-01", "2013-02"]


def test_files_land_under_their_names_when_a_batch_is_delivered(
    tmp_path: Path, deliveries: Deliveries, catalog: Catalog
) -> None:
    pipeline = catalog.pipelines["flights"]
    monthly = [one for one in pipeline.tables if one.partition]
    february = deliveries.partitions(pipeline)[1]
    assert deliveries.deliver(monthly, february) == ["bronze.flights", "bronze.weather"]
    expected = ["flights/2013-02.csv", "flights/2013-02.csv.manifest.json", "weather/2013-02.csv"]
    assert landed(tmp_path) == expected
    assert (tmp_path / "landing/flights/2013-02.csv").read_text() == "flights/2013-02.csv"
    whole = [one for one in pipeline.tables if one.partition is None]
    assert deliveries.deliver(whole, None) == ["bronze.planes"]
    assert landed(tmp_path) == [*expected[:2], "planes/planes.csv", expected[2]]


def test_files_stay_as_they_are_when_they_lie_in_the_landing_area_already(
    tmp_path: Path, deliveries: Deliveries, catalog: Catalog
) -> None:
    own = Deliveries(deliveries.folder, landing_at(f"file://{deliveries.folder}", {}))
    pipeline = catalog.pipelines["flights"]
    assert own.deliver(pipeline.tables, own.partitions(pipeline)[0])
    assert (deliveries.folder / "flights/2013-01.csv").read_text() == "flights/2013-01.csv"


def test_replay_refuses_a_folder_when_nothing_in_it_is_for_the_pipeline(
    tmp_path: Path, catalog: Catalog
) -> None:
    pipeline = catalog.pipelines["flights"]
    (tmp_path / "empty").mkdir()
    none = Deliveries(tmp_path / "empty", landing_at(str(tmp_path / "landing"), {}))
    assert chosen(catalog, none, None) == [pipeline]
    replay = Replay(None, Lake(root=str(tmp_path)), catalog, pipeline, none)
    with pytest.raises(NothingDelivered, match=r"flights/\{partition\}\.csv"):
        list(replay.snapshots(0))


def test_replay_waits_for_other_pipelines_when_they_live_on_these_deliveries_alone(
    catalog: Catalog,
) -> None:
    roots = sources(catalog)
    assert roots["bronze.planes"] == {"bronze.planes"}
    assert roots["silver.flights"] == {
        "bronze.flights",
        "bronze.airlines",
        "bronze.airports",
        "bronze.planes",
    }


def project_with(folder: Path, deliveries: str | None) -> Settings:
    made = make_project(folder, SCHEMAS, [CLINIC])
    if deliveries is not None:
        with (made / "pyproject.toml").open("a") as file:
            file.write(f'deliveries = "{deliveries}"\n')
    return Settings.from_environment({"HEADRACE_HOME": str(folder)}, Project.read(made, {}))


def test_project_writes_its_deliveries_when_no_folder_is_named(tmp_path: Path) -> None:
    settings = project_with(tmp_path / "clinic", "landing:write")
    settings.home.mkdir(exist_ok=True)
    with folder_of_deliveries(settings, None) as folder:
        assert len(list(folder.glob("visits/*.csv"))) == 8
    assert not folder.exists()


@pytest.mark.parametrize(
    ("declared", "refusal"),
    [
        (None, DeliveriesMissing),
        ("landing:wrote", DeliveriesInvalid),
        ("landings:write", DeliveriesInvalid),
        (":write", DeliveriesInvalid),
    ],
)
def test_project_is_refused_when_it_has_no_deliveries_to_write(
    tmp_path: Path, declared: str | None, refusal: type[Exception]
) -> None:
    settings = project_with(tmp_path / "clinic", declared)
    with pytest.raises(refusal):
        own_deliveries(settings.project)
    with pytest.raises(FolderMissing), folder_of_deliveries(settings, tmp_path / "absent"):
        pass
