# SPDX-License-Identifier: MIT
"""Chromium with a camera that plays photos, and a studio's page without errors."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from support.requirements import extra_module

CHROMIUM = "/usr/bin/chromium"
_PLAIN = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
_PATIENCE = 60_000  # milliseconds


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


@contextmanager
def studio_page(browser: Any, address: str, width: int = 1280, **options: Any) -> Iterator[Any]:
    """The page at an address. At its end: no errors, no foreign address, nothing wider than the window."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, permissions=["camera"], reduced_motion="reduce", **options
    )
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add(request.url))
    page.goto(address)
    yield page
    site = address.split("/")[2]
    assert not wrong, wrong
    foreign = {url for url in loaded if not url.startswith(("data:", "blob:")) and url.split("/")[2] != site}
    assert not foreign, foreign
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
