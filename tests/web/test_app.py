# SPDX-License-Identifier: MIT
"""galago export --to web-app, in Chromium: installable, offline after the first visit, and replaced."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from galago import models
from galago.cli import app as cli
from galago.errors import GalagoError
from galago.web import app
from support.requirements import requires

MODEL = models.find("flowers-v1-025-96")


class _Silent(SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


class Site:
    """A web server on a port of its own, which can stop and come back."""

    def __init__(self, folder: Path) -> None:
        self._handler = functools.partial(_Silent, directory=str(folder))
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self._port}/app/"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("localhost", self._port), self._handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serves a folder in which the app is one folder of several."""
    done = CliRunner().invoke(cli, ["export", MODEL.name, "--to", "web-app", "-o", str(tmp_path / "app")])
    assert done.exit_code == 0, done.output
    served = Site(tmp_path)
    yield served
    served.stop()


@pytest.mark.slow
@requires("chromium", debian="chromium")
def test_the_app_opens_without_its_server(browser: Any, site: Site, tmp_path: Path, photo: Path) -> None:
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(site.url)
    page.get_by_text("opens without a network").wait_for()
    session = context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert (manifest["url"], manifest["errors"]) == (site.url + "manifest.webmanifest", [])
    problems = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {each["errorId"] for each in problems} <= {"in-incognito"}  # as all contexts of a test are

    site.stop()
    for address in (site.url, site.url + "index.html?from=home#top"):
        page.goto(address)
        page.get_by_text("Ready.").wait_for()
    page.set_input_files("#file", photo)
    page.locator("#bars li").first.wait_for()
    assert not wrong

    site.start()
    new = {name: (tmp_path / "app" / name).read_bytes() for name in ("index.html", "manifest.webmanifest")}
    new["index.html"] = new["index.html"].replace(b"Answers on this device", b"Answers anew", 1)
    (tmp_path / "app" / "index.html").write_bytes(new["index.html"])
    (tmp_path / "app" / "service-worker.js").write_bytes(app.worker(new))
    before = page.evaluate("caches.keys()")
    page.evaluate("(async () => (await navigator.serviceWorker.ready).update())()")
    for _ in range(600):
        if set(page.evaluate("caches.keys()")).isdisjoint(before):
            break
        page.wait_for_timeout(50)
    page.reload()
    page.get_by_text("Answers anew").wait_for()
    context.close()


def test_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GalagoError, match="expected -o DIR, got the file"):
        CliRunner().invoke(
            cli,
            ["export", MODEL.name, "--to", "web-app", "-o", str(tmp_path / "file")],
            catch_exceptions=False,
        )
