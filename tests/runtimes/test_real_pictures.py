# SPDX-License-Identifier: MIT
"""200 real pictures in front of an emulated board's camera: each runtime answers as TFLM.

No frame may be stale: every picture is different, so that a stale frame would give a wrong answer.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from runtime_bench import Bench

from galago import models, pictures
from galago.emulator.camera import Capture, EmulatedCamera, scene
from galago.tflite.tflm import Tflm

PINS = '{"pins": {"data": [1] * 8, "vsync": 9, "href": 10, "pclk": 11, "xclk": 12, "sda": 13, "scl": 14}}'
WATCH = """
from mobilenet import Classifier, camera, report
net = Classifier(PATH, ({backend!r},))
eye = camera.open({settings})
watch = net.watch(eye)
for seq in range({count}):
    print(report.line(seq, next(watch)))
eye.close()
net.close()
"""


def through_565(rgb: np.ndarray) -> np.ndarray:
    """Returns pixels with the 5, 6 and 5 bits of RGB565, the highest bits repeated below."""
    high = rgb & np.array([0xF8, 0xFC, 0xF8], np.uint8)
    return high | high >> np.array([5, 6, 5], np.uint8)


class Oracle:
    """Returns TensorFlow Lite Micro's probabilities for a picture as the camera sees it."""

    def __init__(self, model: models.ModelDirectory) -> None:
        self._tflm, self._shape = Tflm(model.tflite.read_bytes()), model.input_shape
        self._known: dict[tuple[Path, bool], np.ndarray] = {}

    def __call__(self, picture: Path, in_565: bool = True) -> np.ndarray:
        if (picture, in_565) not in self._known:
            self._known[picture, in_565] = self._answer(picture, in_565)
        return self._known[picture, in_565]

    def _answer(self, picture: Path, in_565: bool) -> np.ndarray:
        rgb = scene(picture, 320, 240)
        pixels = pictures.resize(through_565(rgb) if in_565 else rgb, *self._shape)
        scores = self._tflm.run((pixels.astype(np.int16) - 128).astype(np.int8)).ravel()
        return (scores.astype(int) + 128) / 256


@pytest.fixture(scope="module")
def oracle(model: models.ModelDirectory) -> Oracle:
    return Oracle(model)


@pytest.fixture(scope="module")
def folder(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 200 pictures and no others."""
    folder = tmp_path_factory.mktemp("photos")
    for path in photos:
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def esp32(
    new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path
) -> Callable[[str], tuple[list[dict], list[Capture]]]:
    """Returns 200 lines of a board with an ESP32 camera, and the captures."""

    def watch(backend: str) -> tuple[list[dict], list[Capture]]:
        with new_bench(backend, "esp32", camera=EmulatedCamera(folder)) as bench:
            lines = bench.run(WATCH.format(backend=backend, settings=PINS, count=200))
            # The first capture is the constructor's own; then one to discard and one that counts.
            return lines, bench.camera.captures[1:]

    return watch


def check_freshness(captures: list[Capture]) -> list[Capture]:
    """Returns the captures of an ESP32 camera that count; a discarded one precedes each of them."""
    stale, used = captures[0::2], captures[1::2]
    assert all(one.exposed < one.number for one in stale), "the camera has no stale frames"
    assert all(one.exposed == one.number for one in used)
    return used


def check_exact(lines: list[dict], used: list[Capture], oracle: Oracle) -> None:
    assert [line["image"] for line in lines] == [f"frame {seq}" for seq in range(200)]
    for line, capture in zip(lines, used, strict=True):
        expected = oracle(capture.picture)
        (best,) = line["top"]
        assert (best["index"], best["confidence"]) == (
            expected.argmax(),
            pytest.approx(expected.max(), abs=1e-4),
        ), f"{line['image']} is not {capture.picture.name}"


def test_openmv_answers_as_tflm(
    new_bench: Callable[..., AbstractContextManager[Bench]], folder: Path, oracle: Oracle
) -> None:
    with new_bench("openmv", camera=EmulatedCamera(folder)) as bench:
        lines = bench.run(WATCH.format(backend="openmv", settings="{}", count=200))
        used = bench.camera.captures
    assert all(one.exposed == one.number for one in used)
    check_exact(lines, used, oracle)
    # RGB565 alone changes some answers.
    changed = [oracle(one.picture).argmax() != oracle(one.picture, in_565=False).argmax() for one in used]
    print(f"RGB565 changes the top-1 of {sum(changed)} of 200")
    assert sum(changed) <= 20


def test_microlite_answers_as_tflm(esp32, oracle: Oracle) -> None:
    lines, captures = esp32("microlite")
    check_exact(lines, check_freshness(captures), oracle)


def test_emlearn_answers_as_tflm_where_that_is_sure(esp32, oracle: Oracle) -> None:
    """TinyMaix truncates where TFLM rounds: close calls may change, others hardly ever."""
    lines, captures = esp32("emlearn")
    used = check_freshness(captures)
    expected = [oracle(one.picture) for one in used]
    same = np.array([line["top"][0]["index"] == e.argmax() for line, e in zip(lines, expected, strict=True)])
    sure = np.array([e.max() >= 0.6 for e in expected])
    print(f"emlearn: same top-1 in {same.sum()} of 200, {same[sure].sum()} of {sure.sum()} sure ones")
    assert same.sum() >= 176
    assert same[sure].mean() >= 0.98
