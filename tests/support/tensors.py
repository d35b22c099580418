# SPDX-License-Identifier: MIT
"""Runs models on the real interpreter and compares every tensor with TensorFlow Lite Micro.

tensors.compare([(model, inputs)], folder)      # inputs: int8 [n, …]; AssertionError if a byte differs
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from galago.tflite.tflm import Tflm
from support import interpreter

Case = tuple[bytes, np.ndarray]
Computed = Callable[[bytes, np.ndarray], list[list[np.ndarray]]]

SCRIPT = """
import gc
from mobilenet.tflite import Interpreter

def compare(folder, count):
    net = Interpreter(folder + "/model.tflite")
    layers = eval(open(folder + "/layers").read())
    with open(folder + "/inputs", "rb") as inputs, open(folder + "/expected", "rb") as expected:
        for number in range(count):
            inputs.readinto(net.input)
            tensors = [expected.read(size) for size in layers]
            seen = [0] * len(layers)

            def check(layer, first, last):
                rows = net.rows(layer, first, last)
                start = seen[layer]
                seen[layer] += len(rows)
                expected_rows = tensors[layer][start : seen[layer]]
                if expected_rows != rows:
                    wrong = [(i, a, b) for i, (a, b) in enumerate(zip(expected_rows, rows)) if a != b]
                    print(folder, "input", number, "layer", layer, "rows", first, last, len(wrong), wrong[:8])
                    raise SystemExit(1)

            net.invoke(check)
            # A chain does not compute rows that no later layer reads.
            if any([a > b for a, b in zip(seen, layers)]) or bytes(net.output) != tensors[-1]:
                print(folder, "input", number, "seen", seen, "of", layers)
                raise SystemExit(1)
    net.close()

for folder, count in zip(argv[::2], argv[1::2]):
    compare(folder, int(count))
    gc.collect()
print("exact", len(argv) // 2)
"""


def by_tflm(model: bytes, inputs: np.ndarray) -> list[list[np.ndarray]]:
    """What each operator of a model computes from each input."""
    oracle = Tflm(model)
    return [list(oracle.tensors(picture).values()) for picture in inputs]


def compare(
    cases: Sequence[Case],
    folder: Path,
    *,
    package: Path | None = None,
    heap: str = "64M",
    timeout: float = 600,
    computed: Computed = by_tflm,
) -> None:
    """Asserts that the engine computes what the oracle `computed` does; `folder` gets the files for it."""
    arguments = []
    for number, (model, inputs) in enumerate(cases):
        place = folder / str(number)
        place.mkdir(exist_ok=True)
        (place / "model.tflite").write_bytes(model)
        (place / "inputs").write_bytes(inputs.tobytes())
        tensors = [[t.tobytes() for t in each] for each in computed(model, inputs)]
        (place / "expected").write_bytes(b"".join(b"".join(each) for each in tensors))
        (place / "layers").write_text(repr([len(t) for t in tensors[0]]))
        arguments += [place, len(inputs)]
    output = interpreter.run(SCRIPT, *arguments, heap=heap, timeout=timeout, package=package)
    assert f"exact {len(cases)}" in output
