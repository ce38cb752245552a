"""Gate records in the browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from headrace_airflow.pages.records import app
from headrace_airflow.plugin import HeadracePlugin
from headrace_schemas.partition import PartitionUnit
from tests.page_safety import visit

OLD_PAGE = """<!doctype html><title>old</title>
<script src="http://elsewhere.invalid/lib.js"></script><link rel="stylesheet" href="http://elsewhere.invalid/a.css">
<meta http-equiv="refresh" content="0;url=http://elsewhere.invalid/gone"><base href="http://elsewhere.invalid/">
<h1>warned</h1><img src="http://elsewhere.invalid/seen.png" onerror="alert(1)"><script>alert(2)</script>
<form action="http://elsewhere.invalid/told"><button>send</button></form>
<iframe src="javascript:alert(3)"></iframe><style>h1 { background: url(http://elsewhere.invalid/b.png) }</style>
<a href="javascript:alert(4)">here</a>"""


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
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert "script" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("batch", ["all", *[unit.example for unit in PartitionUnit]])
def test_record_is_shown_when_it_is_of_any_kind_of_batch(
    home: Path, client: TestClient, batch: str
) -> None:
    folder = home / "lake" / "gates" / "bronze.trips" / batch
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(batch)
    assert client.get(f"/gates/bronze.trips/{batch}/index.html").text == batch


def test_record_is_refused_when_nobody_is_logged_in(record: Path, client: TestClient) -> None:
    app.dependency_overrides.clear()
    assert client.get("/gates/bronze.trips/2013-04/index.html").status_code == 401


@contextmanager
def served() -> Iterator[str]:
    """The pages on a port of loopback, for somebody who is logged in."""
    app.dependency_overrides[get_user] = lambda: "somebody"
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            app.dependency_overrides.clear()


def test_old_record_does_nothing_when_its_page_is_hostile(record: Path) -> None:
    (record / "index.html").write_text(OLD_PAGE)
    with visit() as seen:
        seen.open((record / "index.html").as_uri())
        assert seen.dialogs, "the page acts where nothing holds it back"
    with served() as url, visit() as seen:
        address = f"{url}/gates/bronze.trips/2013-04/index.html"
        seen.open(address)
        assert seen.page.title() == "old"
        assert seen.page.locator("h1").inner_text() == "warned"
        seen.page.get_by_text("here").click()
        seen.page.get_by_text("send").click()
        assert seen.asked == [address]
        assert seen.dialogs == []
        assert seen.page.url == address


def test_result_opens_when_the_page_links_to_it(record: Path) -> None:
    (record / "index.html").write_text('<a href="result.json">result.json</a>')
    (record / "result.json").write_text('{"success": true}')
    with served() as url, visit() as seen:
        seen.open(f"{url}/gates/bronze.trips/2013-04/index.html")
        seen.page.get_by_role("link").click()
        seen.page.wait_for_url("**/result.json")
        assert "success" in seen.page.locator("body").inner_text()


def test_record_is_not_shown_when_another_page_frames_it(record: Path, tmp_path: Path) -> None:
    with served() as url, visit() as seen:
        framing = tmp_path / "framing.html"
        framing.write_text(f'<iframe src="{url}/gates/bronze.trips/2013-04/index.html"></iframe>')
        seen.open(framing.as_uri())
        assert "warned" not in seen.page.frames[1].content()


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
