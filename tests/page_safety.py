"""Whether a page can harm who looks at it: by its elements, and by what a real browser does with it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

BROWSERS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")

ACTIVE = frozenset(
    {
        "script",
        "iframe",
        "frame",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "img",
        "image",
        "video",
        "audio",
        "source",
        "input",
        "button",
        "portal",
        "animate",
        "set",
        "foreignobject",
    }
)
"""Elements that run, fetch or send something."""

ADDRESSES = frozenset(
    {
        "href",
        "src",
        "srcset",
        "action",
        "formaction",
        "data",
        "poster",
        "background",
        "ping",
        "xlink:href",
        "manifest",
        "cite",
    }
)

FETCHING_STYLE = re.compile(r"@import|url\s*\(\s*(?!['\"]?#)", re.IGNORECASE)

CLOSED = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Dangers(HTMLParser):
    """Collects what a page has that could act or fetch."""

    def __init__(self, addresses: frozenset[str]) -> None:
        super().__init__()
        self.addresses = addresses
        self.found: list[str] = []
        self.policies: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ACTIVE:
            self.found.append(f"<{tag}>")
        if tag == "meta" and "http-equiv" in given:
            self.policies.append(f"{given['http-equiv']}: {given['content']}")
        for name, value in given.items():
            is_local = value.startswith("#") or value in self.addresses
            if name.startswith("on") or (name in ADDRESSES and not is_local):
                self.found.append(f'<{tag} {name}="{value}">')
            if name == "style" and FETCHING_STYLE.search(value):
                self.found.append(f'<{tag} style="{value}">')

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and FETCHING_STYLE.search(data):
            self.found.append(data)


def dangers(text: str, *addresses: str) -> list[str]:
    """What is in a page that could act or fetch, a missing policy included.

    Args:
        addresses: Those that the page may name.
    """
    parser = Dangers(frozenset(addresses))
    parser.feed(text)
    parser.close()
    if parser.policies != [f"Content-Security-Policy: {CLOSED}"]:
        parser.found.append(f"policies: {parser.policies}")
    return parser.found


@dataclass
class Visit:
    """What happened while a page was looked at."""

    page: Page
    asked: list[str] = field(default_factory=list)
    """Addresses that the page asked for, itself included; none but local ones got an answer."""

    dialogs: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Look at a page until it and all that it loads is there."""
        self.page.goto(address, wait_until="networkidle")

    def elements(self) -> list[str]:
        """All elements by the browser's own reading, with the names of their attributes."""
        script = "all => all.map(one => [one.localName, ...one.getAttributeNames()].join(' '))"
        found: list[str] = self.page.locator("*").evaluate_all(script)
        return found


@contextmanager
def visit() -> Iterator[Visit]:
    """A browser that reaches nothing but files and loopback."""
    with sync_playwright() as playwright:
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        own = playwright.chromium.executable_path
        if program is None and not Path(own).is_file():
            missing = "no Chromium: install it, or run `playwright install chromium`"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        nowhere = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        if os.geteuid() == 0:
            nowhere.append("--no-sandbox")  # Chromium's own is refused to root
        browser: Browser = playwright.chromium.launch(executable_path=program or own, args=nowhere)
        found = Visit(browser.new_page())
        found.page.route("**/*", lambda route: answer(route, found))
        found.page.on(
            "dialog", lambda dialog: (found.dialogs.append(dialog.message), dialog.dismiss())
        )
        yield found
        browser.close()


def answer(route: Route, visit: Visit) -> None:
    """Note what is asked for; let it through only where it is local."""
    address = route.request.url
    visit.asked.append(address)
    if address.startswith(("file://", "http://127.0.0.1:")):
        route.continue_()
    else:
        route.abort()
