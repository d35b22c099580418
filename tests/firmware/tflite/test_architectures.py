# SPDX-License-Identifier: MIT
"""Networks other than MobileNets, as TensorFlow's converter makes them: every tensor as TFLM's."""

import numpy as np
import pytest

from galago.tflite import engine
from galago.tflite.tflm import Tflm
from support import architectures

pytestmark = pytest.mark.slow

INPUTS = 5  # `make wild` compares 200


@pytest.mark.parametrize("name", architectures.NETWORKS)
def test_networks_are_exact(exact, name: str) -> None:
    model = architectures.model(name)
    oracle = Tflm(model)
    shape = oracle.input_shape
    inputs = np.random.default_rng(4).integers(-128, 128, (INPUTS, *shape)).astype(np.int8)
    exact([(model, inputs)])
    plan = engine.plan(model)
    assert plan.arena <= oracle.arena_bytes
