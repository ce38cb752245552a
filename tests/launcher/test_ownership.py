"""What Headrace did not make, it neither replaces nor removes."""

from pathlib import Path

import pytest

from headrace_launcher.errors import FolderForeign, FolderNotEmpty
from headrace_launcher.project.replays import forget
from headrace_launcher.services import ownership
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.setup import refuse_strangers

OWN = ("airflow", "mlflow", "jobs", "lake")


def settings_at(home: Path, **environ: str) -> Settings:
    return Settings.from_environment({"HEADRACE_HOME": str(home), **environ})


def foreign(folder: Path) -> Path:
    """A folder that somebody works in."""
    (folder / "jars").mkdir(parents=True)
    (folder / "jars" / "mine.jar").write_text("mine")
    return folder


def files_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_home_is_refused_when_somebody_works_in_it(tmp_path: Path) -> None:
    home = foreign(tmp_path / "work")
    before = files_of(home)
    with pytest.raises(FolderForeign, match=r"work holds jars and was not made by Headrace"):
        settings_at(home).create_directories()
    assert files_of(home) == before
    assert [path.name for path in home.iterdir()] == ["jars"]


@pytest.mark.parametrize("name", OWN)
def test_nothing_is_forgotten_when_a_folder_is_somebody_elses(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    settings_at(home).create_directories()
    ownership.remove(home / name)
    foreign(home / name)
    with pytest.raises(FolderForeign, match=f"home/{name} holds jars"):
        settings_at(home).create_directories()
    with pytest.raises(FolderForeign, match=f"home/{name} holds jars"):
        forget(settings_at(home))
    assert files_of(home / name) == {"jars/mine.jar": "mine"}


def test_runs_are_forgotten_and_deliveries_of_others_stay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = settings_at(home)
    settings.create_directories()
    for name in OWN:
        (home / name / "made").write_text("by a run")
    flagships, others = home / "landing/flights/2013-01.csv", home / "landing/mine/2013-01.csv"
    for file in (flagships, others, home / "secrets" / "kept"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    forget(settings)
    assert not [name for name in OWN if (home / name).exists()]
    assert not flagships.exists()
    assert others.exists()
    assert (home / "secrets" / "kept").exists()


def test_home_is_marked_when_it_was_made_before_there_were_marks(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in (*OWN, "secrets"):
        (home / name).mkdir(parents=True)
        (home / name / "airflow_fernet_key").write_text("x")
    settings_at(home).create_directories()
    assert all(ownership.is_own(home / name) for name in (*OWN, "."))


def test_lake_elsewhere_is_nobodys_business(tmp_path: Path) -> None:
    lake = foreign(tmp_path / "lake")
    settings = settings_at(tmp_path / "home", HEADRACE_LAKE=str(lake))
    settings.create_directories()
    forget(settings)
    assert files_of(lake) == {"jars/mine.jar": "mine"}
    assert not (tmp_path / "home" / "lake").exists()


def test_jars_are_not_replaced_when_something_else_lies_beside_them(tmp_path: Path) -> None:
    jars = foreign(tmp_path) / "jars"
    refuse_strangers(jars)
    (jars / "notes.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match=r"jars holds notes\.txt"):
        refuse_strangers(jars)
