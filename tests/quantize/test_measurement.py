# SPDX-License-Identifier: MIT
"""Measuring a finished .tflite: what TensorFlow Lite Micro would abort on is refused by name before."""

import subprocess
import sys

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.quantize.measurement import measure
from support.builder import Builder


def with_logits_of(scale: float) -> bytes:
    """A network whose logits have a quantization step of `scale`, as after no training."""
    graph = Builder((1, 4, 4, 3))
    x = graph.reshape(graph.mean(graph.input), (1, 3))
    x = graph.dense(x, np.ones((2, 3), np.int8), None, [scale], out=(scale, 0))
    return graph.finish(graph.softmax(x))


def test_a_network_that_tflm_aborts_on_is_refused_by_layer() -> None:
    assert measure(with_logits_of(0.1), (4, 4, 3))["macs"] > 0
    with pytest.raises(GalagoError, match="SOFTMAX: the input scale is too small"):
        measure(with_logits_of(1e-12), (4, 4, 3))


def test_tflm_does_abort_on_it() -> None:
    """If it does not any more, the order of work in `measure` does not matter any more."""
    program = (
        "import sys, numpy\nfrom galago.tflite.tflm import Tflm\n"
        "Tflm(sys.stdin.buffer.read()).run(numpy.zeros((4, 4, 3), numpy.int8))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=with_logits_of(1e-12), capture_output=True, check=False
    )
    assert done.returncode < 0
