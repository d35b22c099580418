# SPDX-License-Identifier: MIT
"""Debian's Chromium with a camera that plays photos."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from support.requirements import extra_module

CHROMIUM = "/usr/bin/chromium"
_PLAIN = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@contextmanager
def chromium(folder: Path, photos: Sequence[Path]) -> Iterator[Any]:
    """A browser whose camera shows `photos`, one after the other."""
    playwright = extra_module("playwright.sync_api", extra="test")
    video = folder / "camera.mjpeg"
    with video.open("wb") as file:
        for photo in photos:
            frame = io.BytesIO()
            with Image.open(photo) as image:
                image.convert("RGB").resize((320, 240)).save(frame, "JPEG")
            file.write(frame.getvalue() * 2)
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"]
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=[*_PLAIN, *camera])
        yield running
        running.close()
