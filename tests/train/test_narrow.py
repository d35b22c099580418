# SPDX-License-Identifier: MIT
"""Narrowing a MobileNetV2: exact where nothing has to go, and better than nothing where something has."""

from typing import Any

import numpy as np
import pytest
from rich.console import Console

from galago import train
from galago.errors import GalagoError
from galago.train import network
from galago.train.narrow import narrow
from galago.train.views import to_float

keras = pytest.importorskip("keras", reason="needs the extra `train`")

SIZE = 32
PICTURES = np.random.default_rng(1).integers(0, 256, (192, SIZE // 8, SIZE // 8, 3), np.uint8)
PICTURES = PICTURES.repeat(8, axis=1).repeat(8, axis=2)


def body(alpha: float, seed: int) -> Any:
    """A MobileNetV2 with random weights, and the statistics of the pictures in its normalizations."""
    keras.utils.set_random_seed(seed)
    made = network.body("mobilenet_v2", alpha, SIZE, 0)
    for layer in made.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    made(to_float(PICTURES), training=True)
    return made


def explained(wide: Any, small: Any) -> float:
    """Share of the variance of the wide network's features that the small one's have."""
    wanted, got = (each.predict(to_float(PICTURES), verbose=0) for each in (wide, small))
    return 1 - ((wanted - got) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()


@pytest.mark.parametrize(("alpha", "least"), [(0.35, 0.97), (0.5, 0.5)])
def test_features_are_explained(alpha: float, least: float) -> None:
    """Of the same width all of them, but for what the ridge takes; of a wider one more than half."""
    wide, small = body(alpha, 1), body(0.35, 2)
    assert explained(wide, small) < 0
    narrow(small, wide, PICTURES, train.Progress(Console(quiet=True)))
    assert explained(wide, small) > least


def test_only_v2_is_narrowed() -> None:
    small, wide = (network.body("mobilenet_v1", alpha, SIZE, 0) for alpha in (0.25, 0.5))
    with pytest.raises(GalagoError) as caught:
        narrow(small, wide, PICTURES, train.Progress(Console(quiet=True)))
    assert caught.value.code == "config.invalid"
