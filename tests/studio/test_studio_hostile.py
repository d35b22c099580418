# SPDX-License-Identifier: MIT
"""Requests that no page of the studio sends: each is refused, and the server goes on."""

import io
import json
import re
import socket
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from support.studio import RunningStudio, jpeg

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def phone_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    running = RunningStudio(tmp_path_factory.mktemp("hostile") / "project", "--phone")
    running.post("/api/classes", {"name": "cup"})
    yield running
    assert running.get("/api/project")["classes"], "it goes on"
    running.kill()


def group_of(studio: RunningStudio) -> str:
    return studio.get("/api/project")["classes"][0]["id"]


def test_the_cookie_is_for_this_site_alone(phone_studio: RunningStudio) -> None:
    path = "/" + phone_studio.address.split("/", 3)[3]
    welcome = phone_studio.raw("GET", path)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(welcome.headers["set-cookie"].split("; "))
    assert welcome.headers["location"] == "/"
    assert phone_studio.cookie.split("=")[1] not in path


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "", "127.0.0.1:1", "[::1]:80"])
def test_other_hosts_are_refused(phone_studio: RunningStudio, host: str) -> None:
    answer = phone_studio.raw("GET", "/api/project", host=host, cookie=phone_studio.cookie)
    assert answer.status == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://{host}", "http://{host}.evil", None]
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_changes_from_other_origins_are_refused(
    phone_studio: RunningStudio, origin: str | None, method: str
) -> None:
    headers = {"origin": origin.format(host=phone_studio.host)} if origin else {}
    path = f"/api/classes/{group_of(phone_studio)}" if method != "POST" else "/api/undo"
    answer = phone_studio.raw(method, path, b"{}", **headers, cookie=phone_studio.cookie)
    assert (answer.status, answer.code) == (403, "studio.origin")


def test_streams_of_other_sites_and_websockets_are_refused(phone_studio: RunningStudio) -> None:
    cookie = phone_studio.cookie
    for headers in ({"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}):
        answer = phone_studio.raw("GET", "/api/events", None, cookie=cookie, **headers)
        assert answer.code == "studio.origin"
    upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec_websocket_version": "13"}
    key = {"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==", "origin": "http://evil.example"}
    assert phone_studio.raw("GET", "/api/events", None, cookie=cookie, **upgrade, **key).status == 403


@pytest.mark.parametrize("cookie", ["", "galago=x", "{cookie}x", ";;;=", "a" * 3000])
def test_requests_without_the_secret_are_refused(phone_studio: RunningStudio, cookie: str) -> None:
    for path in ("/", "/static/app.js", "/api/project", "/?token=", "/?token=wrong", "/api/project?token=x"):
        answer = phone_studio.raw("GET", path, cookie=cookie.format(cookie=phone_studio.cookie))
        assert answer.status == 401
        assert HEADERS.items() <= answer.headers.items()
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../pyproject.toml",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static/..%2f..%2ferrors.py",
        "/static/..%5c..%5cerrors.py",
        "/static/%252e%252e/errors.py",
        "/static//etc/passwd",
        "/static/x%00.js",
        "/api/photos/..%2f..%2fproject.json",
        "/api/photos/p%00",
        "/api/models/..%2f..%2f/download",
        "/api/models/../page",
        "/api/jobs/..%2fj1",
        "/api/classes/..%2f..%2f/photos",
    ],
)
def test_paths_lead_nowhere(phone_studio: RunningStudio, path: str) -> None:
    assert phone_studio.raw("GET", path, cookie=phone_studio.cookie).status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/classes", b"not json"),
        ("/api/classes", b"[" * 20_000),
        ("/api/classes", b'{"name": ["x"]}'),
        ("/api/classes", b'{"name": "x", "more": 1}'),
        ("/api/photos/move", b'{"ids": "p1", "class": "c1"}'),
        ("/api/photos/move", b'{"ids": ["../p"], "class": "../c"}'),
        ("/api/photos/delete", b'{"ids": [1]}'),
        ("/api/jobs", b'{"kind": "child"}'),
        ("/api/jobs", b'{"kind": "doctor", "port": "/dev/null"}'),
        ("/api/jobs", b'{"kind": "doctor", "port": "emulated", "board": "/etc/x.toml"}'),
        ("/api/jobs", b'{"kind": "flash", "port": "emulated", "model": "../../models"}'),
        ("/api/jobs", b'{"kind": "train", "alpha": true}'),
        ("/api/open", b"PK\x03\x04 no zip"),
        ("/api/classes", b'{"name": "' + b"x" * (1 << 20) + b'"}'),
    ],
)
def test_bodies_of_another_form_are_refused(phone_studio: RunningStudio, path: str, body: bytes) -> None:
    answer = phone_studio.send("POST", path, body)
    assert answer.status in (400, 404, 413)
    assert re.fullmatch(r"(studio|port|board)\.[a-z]+", answer.code)
    assert "Traceback" not in answer.body.decode()


def bomb() -> bytes:
    """A small file of 400 million pixels."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


def large_member() -> bytes:
    """A small zip whose picture has 64 MB and more."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("zeros.jpg", bytes((64 << 20) + 1))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg onload=alert(1) xmlns='http://www.w3.org/2000/svg'/>", "image.format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image.unsupported"),
        (bomb(), "image.size"),
        (large_member(), "image.size"),
        (jpeg(1)[:-200], "image.truncated"),
    ],
    ids=["svg", "eps", "pixels", "member", "half"],
)
def test_files_that_are_no_photos_are_refused(phone_studio: RunningStudio, content: bytes, code: str) -> None:
    group = group_of(phone_studio)
    result = phone_studio.post(f"/api/classes/{group}/photos?name=%0d%0a<b>.jpg", content)
    assert result["added"] == []
    assert [each["error"]["code"] for each in result["refused"]] == [code]
    assert not any((phone_studio.folder / ".galago" / "incoming").iterdir())


def test_more_bytes_than_announced_or_allowed_are_refused(phone_studio: RunningStudio) -> None:
    group = group_of(phone_studio)
    origin = f"http://{phone_studio.host}"
    answer = phone_studio.raw(
        "POST",
        f"/api/classes/{group}/photos",
        b"x",
        content_length=str(1 << 40),
        cookie=phone_studio.cookie,
        origin=origin,
    )
    assert answer.code == "studio.limit"
    with socket.create_connection(phone_studio.host.split(":"), 60) as plain:  # a header without end
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            plain.sendall(b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000)
        assert plain.recv(100).startswith(b"HTTP/1.1 400")


def test_a_phone_may_add_photos_and_try_the_model_and_nothing_else(phone_studio: RunningStudio) -> None:
    invitation = phone_studio.post("/api/phone")
    assert invitation["svg"].startswith("<svg")
    page, group = phone_studio.host, group_of(phone_studio)
    place, path = invitation["url"].split("/", 3)[2:]
    phone_studio.host = f"127.0.0.1:{place.split(':')[1]}"
    try:
        welcome = phone_studio.raw("GET", f"/{path}")
        assert welcome.status == 303
        cookie = welcome.headers["set-cookie"].partition(";")[0]
        origin = f"http://{phone_studio.host}"
        upload = f"/api/classes/{group}/photos?source=phone"
        added = phone_studio.raw("POST", upload, jpeg(2), cookie=cookie, origin=origin)
        assert len(added.json["added"]) == 1
        classes = json.loads(phone_studio.raw("GET", "/api/phone", cookie=cookie).body)["classes"]
        assert [row["name"] for row in classes] == ["cup"]
        for method, refused in (
            ("GET", "/"),
            ("GET", "/api/project"),
            ("GET", f"/api/photos/{added.json['added'][0]}"),
            ("GET", "/api/download"),
            ("GET", "/api/events"),
            ("DELETE", f"/api/classes/{group}"),
            ("POST", "/api/photos/delete"),
            ("POST", "/api/jobs"),
            ("POST", "/api/phone"),
        ):
            answer = phone_studio.raw(method, refused, b"{}", cookie=cookie, origin=origin)
            assert answer.status in (404, 405), refused
        assert phone_studio.raw("POST", upload, jpeg(3), cookie=cookie).code == "studio.origin"
        zipped = phone_studio.raw("POST", upload, b"PK\x03\x04", cookie=cookie, origin=origin)
        assert zipped.code == "studio.request"
        for own in ("/api/project", "/phone"):
            answer = phone_studio.raw("GET", own, cookie=phone_studio.cookie)
            assert answer.status == 401
    finally:
        phone_studio.host = page
    assert phone_studio.raw("GET", "/api/project", cookie=cookie).status == 401


def test_nothing_was_written_outside_of_the_project(phone_studio: RunningStudio) -> None:
    assert [path.name for path in phone_studio.folder.parent.iterdir()] == ["project"]
    assert {path.name for path in phone_studio.folder.iterdir()} == {"cup", ".galago"}


def test_phones_are_not_let_in_without_being_asked(studio: RunningStudio) -> None:
    assert studio.send("POST", "/api/phone").code == "studio.phone"


def test_a_new_start_has_new_secrets(tmp_path: Path) -> None:
    running = RunningStudio(tmp_path)
    old, port = running.cookie, int(running.host.split(":")[1])
    running.kill()
    running.start(port)
    try:
        assert old.split("=")[0] == running.cookie.split("=")[0]
        assert running.raw("GET", "/api/project", cookie=old).status == 401
        assert len(running.get("/api/project")["classes"]) == 0
    finally:
        running.kill()
