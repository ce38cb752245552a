"""The settings and secrets that the compose file is started with."""

import re
import stat
from pathlib import Path

import yaml

from headrace_launcher.services.compose import FOLDER, MADE, ensure_env
from headrace_schemas.accounts import Account, keys_text, read_keys

PROJECT = Path(__file__).parents[2]
ALL = {*MADE, *(f"s3_{one.value}" for one in Account)}


def secrets_of(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (folder / FOLDER).iterdir()}


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_every_secret_is_made_once_and_only_the_owner_reaches_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"

    assert set(ensure_env(file).made) == ALL

    first = secrets_of(tmp_path)
    assert set(first) == ALL
    assert all(len(value) >= 20 for value in first.values())
    assert mode(file) == 0o600
    assert mode(tmp_path / FOLDER) == 0o700
    assert not any(value in file.read_text() for value in first.values())
    again = ensure_env(file)
    assert (again.made, again.moved, again.unread) == ([], [], [])
    assert secrets_of(tmp_path) == first


def test_two_deployments_share_no_secret(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ensure_env(tmp_path / name / ".env")
    one, two = secrets_of(tmp_path / "one"), secrets_of(tmp_path / "two")
    assert not [name for name in one if one[name] == two[name]]


def test_what_a_person_has_set_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nHEADRACE_SPARK_WORKERS=8\nCOMPOSE_PROFILES=minio,history")
    file.chmod(0o644)
    ensure_env(file)
    assert file.read_text() == "# mine\nHEADRACE_SPARK_WORKERS=8\nCOMPOSE_PROFILES=minio,history\n"
    assert mode(file) == 0o600


def test_secrets_move_when_an_earlier_version_kept_them_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "POSTGRES_PASSWORD=of-the-volume\nAWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n"
    )

    written = ensure_env(file)

    assert set(written.moved) == {"POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert secrets_of(tmp_path)["postgres_password"] == "of-the-volume"
    assert "of-the-volume" not in file.read_text()
    # The store is Headrace's own: the one account for everything is given up.
    assert read_keys(tmp_path / FOLDER / "s3_ingest") != ("a", "b")


def test_accounts_have_the_former_keys_when_the_store_is_somebody_else_s(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("COMPOSE_PROFILES=\nAWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n")
    ensure_env(file)
    assert {secrets_of(tmp_path)[f"s3_{one.value}"] for one in Account} == {keys_text("a", "b")}


def test_a_value_that_nobody_reads_any_more_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    ensure_env(file)
    file.write_text(file.read_text() + "HEADRACE_ADMIN_PASSWORD=a-new-password\n")
    assert ensure_env(file).unread == ["HEADRACE_ADMIN_PASSWORD"]
    assert "HEADRACE_ADMIN_PASSWORD=a-new-password" in file.read_text()


def test_every_service_has_the_secrets_that_it_reads_and_no_others() -> None:
    content = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    assert set(content["secrets"]) == ALL
    for name, service in content["services"].items():
        said = yaml.safe_dump([service.get("command"), service.get("environment")])
        read = set(re.findall(r"/run/secrets/(\w+)", said))
        if "HEADRACE_S3_ACCOUNTS" in said:
            read |= {one for one in service["secrets"] if one.startswith("s3_")}
        assert read == set(service.get("secrets", [])), name


def test_no_secret_stands_in_a_service_s_environment() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    named = re.findall(r"^\s*-? ?(\w*(?:PASSWORD|SECRET|TOKEN|ACCESS_KEY|FERNET)\w*):", text, re.M)
    assert named
    told = {one for one in named if not one.endswith(("_FILE", "_CMD"))}
    assert told == {"HEADRACE_ADMIN_PASSWORD_RESET"}  # whether, not what


def test_third_parties_images_are_named_by_digest() -> None:
    text = (PROJECT / "docker-compose.yml").read_text() + (PROJECT / "Dockerfile").read_text()
    images = re.findall(r"(?:IMAGE:-|BASE_IMAGE=)([\w./-]+:[\w.@:-]+)", text)
    foreign = {one for one in images if not one.startswith("headrace/")}
    assert len(foreign) == 3
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", one) for one in foreign)


def test_every_service_has_limits_and_a_network() -> None:
    content = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    networks = content["networks"]
    for name, service in content["services"].items():
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert service["pids_limit"], name
        assert service.get("network_mode") == "none" or set(service["networks"]) <= set(networks)


def test_executors_and_the_store_reach_neither_database_nor_airflow() -> None:
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    for name in ("spark-master", "spark-worker", "spark-connect", "spark-connect-publish", "minio"):
        assert not {"database", "airflow", "web"} & set(services[name]["networks"]), name
    published = {name for name, one in services.items() if one.get("ports")}
    assert published == {"api-server", "spark-history"}
