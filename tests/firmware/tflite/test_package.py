# SPDX-License-Identifier: MIT
"""What the package itself promises: kernels are loaded only when used, and fit a small heap."""

from galago.resources import models_dir

MODEL = models_dir() / "everyday-v1-025-96" / "model.tflite"

SCRIPT = """
import sys
sys.path[:] = [argv[0]]
import mobilenet.errors
from mobilenet.tflite import Interpreter
net = Interpreter(argv[1], weights="stream")
net.invoke()
loaded = [name.split(".")[-1] for name in sys.modules if name.startswith("mobilenet.tflite.kernels.")]
print(",".join(sorted(loaded)))
"""


def test_only_the_kernels_in_use_stay(micropython, compiled) -> None:
    assert micropython(SCRIPT, compiled, MODEL).split() == ["conv_2d,depthwise_conv_2d,mean,softmax"]


def test_streams_in_the_heap_of_a_board_with_64_kib(micropython, compiled) -> None:
    assert micropython(SCRIPT, compiled, MODEL, heap="64wk")
