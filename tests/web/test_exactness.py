# SPDX-License-Identifier: MIT
"""The comparison behind docs/web.md finds equal tensors equal, and counts those that differ."""

import numpy as np
import pytest
from exactness import compare, noise

from galago.tflite.tflm import Tflm
from support import operator_models
from support.requirements import requires

pytestmark = requires("node", debian="nodejs")


def test_tensors_are_compared_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the last of four inputs the reference is made wrong."""
    tflite = operator_models.build("conv_2d", 1)
    inputs = list(noise(np.random.default_rng(1), Tflm(tflite).input_shape[1:], 4))
    tensors = Tflm(tflite).tensors(inputs[0])
    right = Tflm.tensors
    monkeypatch.setattr(
        Tflm,
        "tensors",
        lambda self, picture: {
            index: tensor ^ (picture is inputs[3]) for index, tensor in right(self, picture).items()
        },
    )
    found = compare(tflite, inputs)
    assert (found.inputs, found.tensors) == (4, 4 * len(tensors))
    assert found.bytes == 4 * sum(tensor.size for tensor in tensors.values())
    assert found.differ == {"simd": len(tensors), "plain": len(tensors)}
