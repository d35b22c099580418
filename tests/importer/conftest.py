# SPDX-License-Identifier: MIT
"""One conversion of each kind per test session: they take a second each."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from support import exported


@pytest.fixture(scope="session")
def tflite() -> Callable[..., bytes]:
    """Makes a .tflite as exported.tflite does, of a network with these options, once."""
    from galago import lazy_tensorflow

    @functools.cache
    def make(
        ends: str = "int8",
        activation: str | None = "softmax",
        classes: int = exported.CLASSES,
        old: bool = False,
    ) -> bytes:
        network = exported.network(lazy_tensorflow.keras(), activation, classes)
        return exported.tflite(network, ends, old)

    return make


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures."""
    folder = tmp_path_factory.mktemp("photos")
    for number, pixels in enumerate(exported.pixels(24)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder
