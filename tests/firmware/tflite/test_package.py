# SPDX-License-Identifier: MIT
"""What the package itself promises: one record layout, kernels loaded only when used."""

import re

from galago.resources import firmware_dir, models_dir

ENGINE = firmware_dir() / "mobilenet" / "tflite"
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


def test_all_modules_agree_on_the_record() -> None:
    """MicroPython's `const` names are per module, so the layout is repeated: no two may differ."""
    layout = dict(
        re.findall(r"(\d+) ([A-Z_]+)", (ENGINE / "loading" / "graph.py").read_text().split('"""')[1])
    )
    places = {name: int(number) for number, name in layout.items()}
    assert places["INPUT"] == 0
    assert places["SCALE_STEP"] == 27
    own = {"TILE", "MULTIPLIER", "MULTIPLIER_1", "MULTIPLIER_2", "ZERO_2", "SHIFT", "LOWEST", "FRONT"}
    for path in sorted(ENGINE.rglob("*.py")):
        source = path.read_text()
        for name, value in re.findall(r"^_([A-Z_0-9]+) = const\((\d+)\)", source, re.MULTILINE):
            if name in places and name not in own:
                assert int(value) == places[name], f"{path.name}: _{name}"


def test_only_the_kernels_in_use_stay(micropython, compiled) -> None:
    assert micropython(SCRIPT, compiled, MODEL).split() == ["conv_2d,depthwise_conv_2d,mean,softmax"]


def test_streams_in_the_heap_of_a_board_with_64_kib(micropython, compiled) -> None:
    assert micropython(SCRIPT, compiled, MODEL, heap="64wk")
