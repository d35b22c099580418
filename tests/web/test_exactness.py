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
    tflite = operator_models.build("conv_2d", 1)
    reference = Tflm(tflite)
    inputs = list(noise(np.random.default_rng(1), reference.input_shape[1:], 4))
    tensors = reference.tensors(inputs[0])
    found = compare(tflite, inputs)
    assert (found.inputs, found.tensors) == (4, 4 * len(tensors))
    assert found.bytes == 4 * sum(tensor.size for tensor in tensors.values())
    assert found.differ == {"simd": 0, "plain": 0}
    right = Tflm.tensors
    monkeypatch.setattr(Tflm, "tensors", lambda *given: {k: t ^ 1 for k, t in right(*given).items()})
    assert compare(tflite, inputs).differ == {"simd": found.tensors, "plain": found.tensors}
