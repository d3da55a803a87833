"""A real browser in front of a real server."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from devstack.browser import browser
from devstack.errors import StackError
from tests.live.conftest import servers
from tests.server import Server
from users.models import User

__all__ = ["servers"]

expect.set_options(timeout=45_000)  # Playwright's own five seconds are a quick machine's

#: Streams are as quiet, and as seldom checked.
AS_IN_PRODUCTION = {"STREAM_HEARTBEAT_SECONDS": "15", "STREAM_RECHECK_SECONDS": "60"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Gone with the module: while Playwright's loop runs in this thread no other test has one."""
    try:
        found = browser()
    except StackError as error:
        pytest.skip(str(error))
    # Playwright's event loop runs in this thread; Django would think that we were on it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=found.path,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env={**os.environ, **found.env},
        )
        yield launched
        launched.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def _shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock():
        server = Server(**AS_IN_PRODUCTION).answers()
    yield server
    server.stop()


@pytest.fixture
def site(committed_db: None, _shared: Server) -> Server:
    """The site, one for all tests."""
    return _shared


@pytest.fixture
def visit(chromium: Browser, site: Server) -> Iterator[Callable[..., Page]]:
    """Opens a page as somebody; after the test nothing may stand in its console."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{message.text} {message.location['url']}")

    def open_(user: User, path: str, at: Server = site, **options: Any) -> Page:
        context = chromium.new_context(base_url=at.url, **options)
        contexts.append(context)
        context.add_cookies([cookie_of(user, at)])
        page = context.new_page()
        page.on("console", console)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    # What the browser itself says of an answer or a broken connection is no fault of the page.
    assert [line for line in said if not line.startswith("Failed to load resource")] == []


def cookie_of(user: User, site: Server) -> Any:
    """What signing in leaves in the browser."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": site.url}
