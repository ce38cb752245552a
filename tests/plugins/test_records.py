"""Gate records in the browser."""

from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from headrace_airflow.plugin import HeadracePlugin
from headrace_airflow.records import app


@pytest.fixture
def record(home: Path) -> Path:
    folder = home / "lake" / "gates" / "bronze.trips" / "2013-04"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<h1>warned</h1>")
    (folder.parent / "secret.html").write_text("no")
    return folder


@pytest.fixture
def client() -> TestClient:
    client = TestClient(app)
    app.dependency_overrides[get_user] = lambda: "somebody"
    return client


def test_record_is_shown_when_somebody_is_logged_in(record: Path, client: TestClient) -> None:
    answer = client.get("/gates/bronze.trips/2013-04/index.html")
    assert answer.text == "<h1>warned</h1>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"


def test_record_is_refused_when_nobody_is_logged_in(record: Path, client: TestClient) -> None:
    app.dependency_overrides.clear()
    assert client.get("/gates/bronze.trips/2013-04/index.html").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "bronze.trips/2013-05/index.html",
        "bronze.trips/2013-04/secret.html",
        "bronze.trips/%2E%2E/secret.html",
        "bronze.trips/2013-04%2F..%2F/secret.html",
        "%2E%2E/2013-04/index.html",
        "bronze.trips%00/all/index.html",
    ],
)
def test_nothing_else_is_shown_when_it_is_no_record(
    record: Path, client: TestClient, path: str
) -> None:
    assert client.get(f"/gates/{path}").status_code == 404


def test_page_is_registered_when_the_plugin_is_loaded() -> None:
    (page,) = HeadracePlugin().fastapi_apps
    assert page["app"] is app
    assert page["url_prefix"] == "/headrace"
