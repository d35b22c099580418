# SPDX-License-Identifier: MIT
"""A running `galago studio`, and a client of it that speaks plain HTTP, as a page or an attacker would."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from galago.dataset.drawn import drawn

_PATIENCE = 120.0  # seconds without an answer, on a busy computer


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of its error."""
        return self.json["error"]["code"]


class RunningStudio:
    """The server as a process of its own, which `kill` ends as a crash would."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._options, self._environment = options, {**os.environ, **(environment or {})}
        self.start()

    def start(self, port: int = 0) -> None:
        argv = [
            sys.executable,
            "-m",
            "galago",
            "studio",
            str(self.folder),
            "--no-browser",
            "--port",
            str(port),
        ]
        self.process = subprocess.Popen(
            [*argv, *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        self.host = self.address.split("/")[2]
        self.cookie = ""
        welcome = self.raw("GET", "/" + self.address.split("/", 3)[3])
        assert welcome.status == 303, welcome
        self.cookie = welcome.headers["set-cookie"].partition(";")[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(_PATIENCE)

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """A request with exactly these headers and Host, whose name `Host` replaces."""
        connection = http.client.HTTPConnection(self.host, timeout=_PATIENCE)
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = {"host": self.host, **({"content-length": str(len(body))} if body else {}), **given}
        for name, value in given.items():
            connection.putheader(name, value)
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            connection.endheaders(body)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def get(self, path: str) -> Any:
        answer = self.raw("GET", path, cookie=self.cookie)
        assert answer.status == 200, answer
        return answer.json

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """As the page sends it: JSON, or the bytes of a file."""
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.raw(method, path, data, cookie=self.cookie, origin=f"http://{self.host}")

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.send("POST", path, body)
        assert answer.status == 200, answer
        return answer.json

    def phone_address(self) -> str:
        """What a phone gets from the QR code, at an address that this computer reaches without a network."""
        url = self.post("/api/phone")["url"]
        return f"http://127.0.0.1:{url.rpartition(':')[2]}"

    def events(self, after: str = "") -> Generator[dict[str, Any]]:
        """The events, each with its id; waits for the next one at most `_PATIENCE` seconds."""
        connection = http.client.HTTPConnection(self.host, timeout=_PATIENCE)
        headers = {"cookie": self.cookie} | ({"last-event-id": after} if after else {})
        connection.request("GET", "/api/events", headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        number = ""
        try:
            while line := response.readline().decode():
                if line.startswith("id: "):
                    number = line[4:].strip()
                elif line.startswith("data: "):
                    yield {"id": number, **json.loads(line[6:])}
        finally:
            connection.close()

    def until(self, path: str, ready: Any) -> Any:
        """Asks until the answer is `ready`."""
        deadline = time.monotonic() + 5 * _PATIENCE
        while not ready(value := self.get(path)):
            assert time.monotonic() < deadline, value
            time.sleep(0.1)
        return value


def jpeg(
    picture: int | np.ndarray, size: tuple[int, int] = (96, 64), exif: Image.Exif | None = None
) -> bytes:
    """A JPEG of pixels, or of the drawn picture with a number."""
    file = io.BytesIO()
    pixels = drawn(picture, (size[1], size[0], 3)) if isinstance(picture, int) else picture
    Image.fromarray(pixels).save(file, "JPEG", **({"exif": exif} if exif else {}))
    return file.getvalue()
