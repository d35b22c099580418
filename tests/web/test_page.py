# SPDX-License-Identifier: MIT
"""The exported page in a real browser, opened from disk: Chromium, with a camera that plays a photo."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galago import models, pictures
from galago.dataset import standard_photos
from galago.tflite.tflm import Tflm
from galago.web import export
from support.requirements import extra_module, requires

pytestmark = [pytest.mark.slow, requires("chromium", debian="chromium")]

MODEL = models.find("everyday-v1-025-96")
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 700_000
_PLAIN = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(export.page(MODEL))
    assert file.stat().st_size < MOST_BYTES
    return file


@pytest.fixture(scope="module")
def photo() -> Path:
    return next(path for path in standard_photos.paths() if path.suffix == ".jpg")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Iterator[Any]:
    """Chromium whose camera shows a photo."""
    playwright = extra_module("playwright.sync_api", extra="test")
    frame = io.BytesIO()
    with Image.open(photo) as image:
        image.convert("RGB").resize((320, 240)).save(frame, "JPEG")
    video = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    video.write_bytes(frame.getvalue() * 2)
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"]
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=[*_PLAIN, *camera])
        yield running
        running.close()


@pytest.fixture(scope="module")
def page(browser, page_file: Path) -> Iterator[Any]:
    """The page on a narrow phone, opened once. It may report no error, and load nothing but itself."""
    context = browser.new_context(viewport={"width": 360, "height": 640})
    context.set_default_timeout(60_000)
    page = context.new_page()
    wrong: list[str] = []
    loaded: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(page_file.as_uri())
    page.get_by_text("Ready.").wait_for()
    yield page
    assert not wrong
    assert {url for url in loaded if not url.startswith(("data:", "blob:"))} == {page_file.as_uri()}
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def show(page: Any, file: Path) -> None:
    """Gives the page a file and waits for its answer."""
    count = page.evaluate("galago.answers")
    page.set_input_files("#file", file)
    wait_for_answer(page, count)


def wait_for_answer(page: Any, count: int) -> None:
    """Waits for one more answer than `count`."""
    for _ in range(600):
        if page.evaluate("galago.answers") > count:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the page does not answer")


def test_trouble_is_told_in_words(page, tmp_path: Path) -> None:
    page.context.clear_permissions()
    page.get_by_role("button", name="Start camera").click()
    page.get_by_role("alert").filter(has_text="The camera was refused").wait_for()
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    page.set_input_files("#file", tmp_path / "broken.jpg")
    page.get_by_role("alert").filter(has_text="ends early").wait_for()
    (tmp_path / "text.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "text.png")
    page.get_by_role("alert").filter(has_text="no picture that the browser can read").wait_for()


def test_the_demo_photos_have_the_boards_input_and_answer(page) -> None:
    reference = Tflm(MODEL.tflite.read_bytes())
    for path in standard_photos.paths():
        expected = pictures.as_board(path, 96, 96)
        scores = reference.run(expected)
        show(page, path)
        found = page.evaluate("Array.from(galago.classifier.network.input)")
        assert found == expected.ravel().tolist(), path.name
        assert page.evaluate("Array.from(galago.classifier.network.output)") == scores.ravel().tolist()
        best = int(np.argmax(scores))
        confidence = float(MODEL.probabilities(scores.reshape(1, -1))[0, best])
        assert page.evaluate("galago.result.top[0]") == {
            "label": MODEL.labels[best],
            "index": best,
            "confidence": confidence,
        }
        way = "own decoder" if path.suffix == ".jpg" else "the browser"
        assert way in page.inner_text("#time")


def test_inside_every_layer_can_be_looked_at_by_keyboard(page, photo: Path) -> None:
    show(page, photo)
    page.get_by_text("Look inside").press("Enter")
    layers = page.get_by_role("listbox", name="Layers")
    page.get_by_text("Layer 1:").wait_for()
    layers.press("ArrowRight")
    page.get_by_text("Layer 2: 8 maps of 48").wait_for()
    page.locator("#maps").press("ArrowRight")
    page.get_by_text("with this filter").wait_for()
    page.get_by_text("filter from 1968").wait_for()
    page.evaluate("galago.inside.choose('layer', galago.inside.layers.length - 2)")
    layers.press("ArrowRight")
    top = page.evaluate("galago.result.top[0]")
    assert page.locator("#values tr").first.inner_text().split("\t")[:4] == [
        f"number {top['index']}",
        str(round(top["confidence"] * 256) - 128),
        f"{top['confidence']:.3f}",
        top["label"],
    ]


def test_the_camera_answers_freezes_and_stops(page) -> None:
    page.context.grant_permissions(["camera"])
    count = page.evaluate("galago.answers")
    page.get_by_role("button", name="Start camera").click()
    wait_for_answer(page, count)
    assert page.evaluate("galago.classifier.network.input.some((value) => value !== 0)")
    page.get_by_role("button", name="Freeze").click()
    page.get_by_text("frozen", exact=True).wait_for()
    page.get_by_role("button", name="Stop camera").click()
    assert page.locator("#freeze").is_hidden()
