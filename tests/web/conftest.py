# SPDX-License-Identifier: MIT
"""A browser for the tests of exported pages: Debian's Chromium, whose camera plays a photo."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from galago.dataset import standard_photos
from support.requirements import extra_module

_CHROMIUM = "/usr/bin/chromium"
_PLAIN = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="session")
def photo() -> Path:
    """A JPEG that boards read."""
    return next(path for path in standard_photos.paths() if path.suffix == ".jpg")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Iterator[Any]:
    """Chromium whose camera shows the photo."""
    playwright = extra_module("playwright.sync_api", extra="test")
    frame = io.BytesIO()
    with Image.open(photo) as image:
        image.convert("RGB").resize((320, 240)).save(frame, "JPEG")
    video = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    video.write_bytes(frame.getvalue() * 2)
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"]
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=_CHROMIUM, args=[*_PLAIN, *camera])
        yield running
        running.close()
