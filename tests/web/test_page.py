# SPDX-License-Identifier: MIT
"""The exported page in a real browser, opened from disk: Chromium, whose camera plays a photo."""

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
from support.requirements import requires

pytestmark = [pytest.mark.slow, requires("chromium", debian="chromium")]

MODEL = models.find("everyday-v1-025-96")
MOST_BYTES = 700_000


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(export.page(MODEL))
    assert file.stat().st_size < MOST_BYTES
    return file


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


def tensor(page: Any, name: str) -> list[int]:
    """The input or the output of the network, as text: Playwright takes long for many numbers."""
    return [int(value) for value in page.evaluate(f"galago.classifier.network.{name}.join()").split(",")]


def layers(page: Any) -> list[list[int]]:
    """What all layers have computed."""
    texts = page.evaluate("galago.inside.layers.map((_, n) => galago.classifier.network.tensor(n).join())")
    return [[int(value) for value in text.split(",")] for text in texts]


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
        assert tensor(page, "input") == expected.ravel().tolist(), path.name
        assert tensor(page, "output") == scores.ravel().tolist()
        if path == standard_photos.paths()[0]:
            assert layers(page) == [each.ravel().tolist() for each in reference.tensors(expected).values()]
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
    page.get_by_text("Layer 2: 8 maps of 48\u00d748, 18,432 bytes, 165,888 MACs").wait_for()
    assert layers.get_by_role("option", selected=True).get_attribute("id") == layers.get_attribute(
        "aria-activedescendant"
    )
    maps = page.get_by_role("slider", name="Feature map")
    maps.press("Home")
    maps.press("ArrowRight")
    assert maps.get_attribute("aria-valuetext") == "map 2 of 8"
    page.get_by_text("How map 2 is made").wait_for()
    weights = first_depthwise_weights()[..., 1].ravel().tolist()
    shown = page.locator(".kernel").first.locator("span").all_inner_texts()
    assert [int(text.replace("\N{MINUS SIGN}", "-")) for text in shown] == weights
    page.get_by_text("filter of 1968").wait_for()
    page.get_by_text("= map 2 of layer 2").wait_for()
    layers.press("End")
    top = page.evaluate("galago.result.top[0]")
    assert page.locator("#values tbody tr").first.inner_text().split("\t")[:4] == [
        str(top["index"]),
        str(round(top["confidence"] * 256) - 128),
        f"{top['confidence']:.3f}",
        top["label"],
    ]


def first_depthwise_weights() -> np.ndarray:
    """int8 (height, width, channels), as TensorFlow Lite Micro's schema finds them."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    file: Any = schema.Model.GetRootAs(MODEL.tflite.read_bytes(), 0)
    graph = file.Subgraphs(0)
    tensor = graph.Tensors(graph.Operators(1).Inputs(1))
    data = file.Buffers(tensor.Buffer()).DataAsNumpy()
    return np.asarray(data).view(np.int8).reshape(tensor.ShapeAsNumpy())[0]


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


def test_a_camera_can_be_chosen(page) -> None:
    page.context.grant_permissions(["camera"])
    page.evaluate(
        """() => {
          const devices = navigator.mediaDevices;
          const real = devices.enumerateDevices.bind(devices);
          const other = { kind: "videoinput", deviceId: "gone", label: "camera2 1, facing front" };
          devices.enumerateDevices = async () => [...(await real()), other];
        }"""
    )
    page.get_by_role("button", name="Start camera").click()
    cameras = page.get_by_role("combobox", name="Camera")
    cameras.wait_for()
    assert page.evaluate("galago.camera.id") == cameras.input_value()
    cameras.select_option("front camera")
    page.get_by_role("alert").filter(has_text="This camera is gone").wait_for()
    assert cameras.is_hidden()


def test_a_photo_can_be_pasted_and_dropped_and_the_result_saved(page, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.bmp")
    photo = list((tmp_path / "red.bmp").read_bytes())
    for event in (
        "ClipboardEvent('paste', { clipboardData: data })",
        "DragEvent('drop', { dataTransfer: data })",
    ):
        count = page.evaluate("galago.answers")
        page.evaluate(
            f"""(bytes) => {{
              const data = new DataTransfer();
              data.items.add(new File([Uint8Array.from(bytes)], "red.bmp", {{ type: "image/bmp" }}));
              dispatchEvent(new {event});
            }}""",
            photo,
        )
        wait_for_answer(page, count)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save result").click()
    download.value.save_as(tmp_path / "result.png")
    with Image.open(tmp_path / "result.png") as result:
        assert result.size == (480, 480 + 6 * 44)


def test_unknown_is_said(page, photo: Path) -> None:
    limit = page.evaluate("galago.classifier.contract.unknown_below")
    page.evaluate("galago.classifier.contract.unknown_below = 1.1")
    show(page, photo)
    page.evaluate(f"galago.classifier.contract.unknown_below = {limit}")
    assert page.inner_text("#best").startswith("unknown\nmost like ")
    assert page.inner_text("#spoken").startswith("unknown, most like ")


def test_light_and_dark_are_the_systems(page) -> None:
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colour = "(name) => getComputedStyle(document.body)[name].match(/\\d+/g).map(Number)"
        found[scheme] = [sum(page.evaluate(colour, name)) for name in ("backgroundColor", "color")]
    assert found["light"][0] > 600 > 200 > found["light"][1]
    assert found["dark"][1] > 600 > 200 > found["dark"][0]


def test_an_old_browser_is_enough(browser, page_file: Path, photo: Path) -> None:
    """Without SIMD, and without a camera as on plain http."""
    page = browser.new_page()
    page.add_init_script(
        "WebAssembly.validate = () => false;"
        "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
        "delete Uint8Array.fromBase64;"
    )
    page.goto(page_file.as_uri())
    page.get_by_text("The browser gives the camera only to pages on https or from a file.").wait_for()
    assert page.locator("#camera").is_hidden()
    assert page.get_attribute("#file", "capture") == "environment"
    show(page, photo)
    assert "without SIMD, which this browser lacks" in page.inner_text("#time")
    expected = Tflm(MODEL.tflite.read_bytes()).run(pictures.as_board(photo, 96, 96))
    assert tensor(page, "output") == expected.ravel().tolist()
    page.close()
