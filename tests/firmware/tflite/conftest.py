# SPDX-License-Identifier: MIT
"""Runs models on the real interpreter and compares every tensor with TensorFlow Lite Micro."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from galago.tflite.tflm import Tflm

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
    oracle = Tflm(model)
    return [list(oracle.tensors(picture).values()) for picture in inputs]


@pytest.fixture
def exact(micropython: Callable[..., str], compiled: Path, tmp_path: Path) -> Callable[..., None]:
    """Asserts that the engine computes every tensor as TFLM does, for models with int8 inputs (n, …)."""

    def check(
        cases: Sequence[Case], heap: str = "64M", timeout: float = 600, computed: Computed | None = None
    ) -> None:
        """`computed` is another oracle: what each operator of a model computes from each input."""
        arguments = []
        for number, (model, inputs) in enumerate(cases):
            folder = tmp_path / str(number)
            folder.mkdir(exist_ok=True)
            (folder / "model.tflite").write_bytes(model)
            (folder / "inputs").write_bytes(inputs.tobytes())
            tensors = [[t.tobytes() for t in each] for each in (computed or by_tflm)(model, inputs)]
            (folder / "expected").write_bytes(b"".join(b"".join(each) for each in tensors))
            (folder / "layers").write_text(repr([len(t) for t in tensors[0]]))
            arguments += [folder, len(inputs)]
        output = micropython(SCRIPT, *arguments, heap=heap, timeout=timeout, package=compiled)
        assert f"exact {len(cases)}" in output

    return check
