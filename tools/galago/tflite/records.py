# SPDX-License-Identifier: MIT
"""The records of a model's layers as the engine on the board makes them (firmware/mobilenet/tflite/graph.py).

    for record in records.read(model_bytes):
        record.operator, record.in_c, record.k_h, record.shifts

The engine itself makes them, in the real interpreter on this computer, so that a kernel is generated for what
the board will hand it.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np

from galago import micropython
from galago.errors import GalagoError
from galago.resources import firmware_dir

_PATIENCE = 60.0  # seconds; the largest MobileNet takes less than one
_WORDS = 32
_SCRIPT = """
import json
from mobilenet import GalagoError
from mobilenet.tflite import Interpreter
try:
    print(json.dumps(list(Interpreter(path, weights="stream").plan)))
except GalagoError as error:
    print(json.dumps([error.code, error.message]))
"""
# Words of a record by the names that generators use; their numbers are in graph.py.
_NAMES = {
    name: number
    for number, name in enumerate(
        """input input_rows output output_rows scratch second in_h in_w in_c out_h out_w out_c k_h k_w s_h s_w
        p_t p_l in_zero out_zero lowest highest in_scale out_scale weights bias scales scale_step own_0 own_1
        own_2 operator""".split()  # noqa: SIM905
    )
}
CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED = 3, 4, 9
ADD, AVERAGE_POOL_2D, MEAN, SOFTMAX = 0, 1, 40, 25


@dataclass(frozen=True)
class Record:
    """One layer: its words by number, offset or attribute, and what is in the model behind them."""

    words: tuple[int, ...]
    multipliers: tuple[int, ...] = ()
    """Of each output channel, as TFLM's QuantizeMultiplier gives them; () where there are no weights."""
    shifts: tuple[int, ...] = ()
    """With them: positive to the left."""
    reach: tuple[int, ...] = ()
    """Of each output channel: no sum is greater in magnitude."""

    def __getattr__(self, name: str) -> int:
        if name in _NAMES:
            return self.words[_NAMES[name]]
        raise AttributeError(name)

    @staticmethod
    def word(name: str) -> int:
        """The number of a word."""
        return _NAMES[name]

    @property
    def tile(self) -> int:
        """Rows of a tile, of convolutions and fully connected layers."""
        return self.own_0

    @property
    def window(self) -> int:
        """Taps of an output of a convolution or a fully connected layer."""
        return self.k_h * self.k_w * self.in_c

    @property
    def macs(self) -> int:
        """Multiplications of one inference; of layers without weights, their outputs."""
        outputs = self.out_h * self.out_w * self.out_c
        if self.operator == DEPTHWISE_CONV_2D:
            return outputs * self.k_h * self.k_w
        return outputs * self.window if self.weights and self.operator != ADD else outputs

    @property
    def signature(self) -> int:
        """What kernels/native.py on the board compares: no kernel meets a layer it was not made for."""
        found = self.operator
        for word in self.words[_NAMES["in_h"] : _NAMES["in_scale"]]:
            found = (found * 31 + word) & 0xFFFFFF
        return found


def read(model: bytes) -> list[Record]:
    """The records of all layers.

    Raises GalagoError model.malformed, model.operator or model.quantization, as a board would.
    """
    with tempfile.NamedTemporaryFile(prefix="galago-", suffix=".tflite") as file:
        file.write(model)
        file.flush()
        done = subprocess.run(
            micropython.command("-X", "heapsize=64m", "-c", f"path = {file.name!r}\n{_SCRIPT}"),
            capture_output=True,
            timeout=_PATIENCE,
            env={**os.environ, "MICROPYPATH": str(firmware_dir())},
            check=True,
        )
    plan = json.loads(done.stdout)
    if isinstance(plan[0], str):
        raise GalagoError(*plan)
    layers = [tuple(plan[at : at + _WORDS]) for at in range(0, len(plan), _WORDS)]
    return [_with_weights(Record(words), model) for words in layers]


def _with_weights(record: Record, model: bytes) -> Record:
    if record.operator not in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED):
        return record
    return Record(record.words, *_factors(record, model), _reach(record, model))


def _factors(record: Record, model: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Multipliers and shifts."""
    scales = np.ones(record.out_c, np.float32)  # where it is part of the input's (kernels/fully_connected.py)
    if record.scales:
        scales[:] = np.frombuffer(model, "<f4", record.out_c if record.scale_step else 1, record.scales)
    source, target = np.array([record.in_scale, record.out_scale], np.uint32).view(np.float32)
    fractions, shifts = np.frexp(scales.astype(np.float64) * np.float64(source) / np.float64(target))
    multipliers = np.floor(fractions * (1 << 31) + 0.5).astype(np.int64)
    carried = multipliers >> 31  # rounded up to 1
    return tuple((multipliers >> carried).tolist()), tuple((shifts + carried).tolist())


def _reach(record: Record, model: bytes) -> tuple[int, ...]:
    depthwise = record.operator == DEPTHWISE_CONV_2D
    taps = record.k_h * record.k_w if depthwise else record.window
    weights = np.frombuffer(model, np.int8, taps * record.out_c, record.weights).astype(np.int64)
    sums = np.abs(weights).reshape((taps, -1) if depthwise else (-1, taps)).sum(0 if depthwise else 1)
    biases = np.zeros(record.out_c, np.int64)
    if record.bias:
        biases = np.frombuffer(model, "<i4", record.out_c, record.bias).astype(np.int64)
    return tuple(int(reach) for reach in 255 * sums + np.abs(biases))
