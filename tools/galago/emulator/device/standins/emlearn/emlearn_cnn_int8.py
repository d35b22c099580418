# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`emlearn_cnn_int8` of emlearn-micropython: TinyMaix, whose arithmetic the emulator computes.

It behaves as the real module does: only array('B') counts as bytes, the model is copied, and its buffer has
the size of the file, whatever the model needs. A file that is too small resets the board here; on a real
board it overruns memory.
"""

from array import array

import _host
import machine
from uctypes import addressof, bytearray_at


def new(model_data):
    """Load a model. Raises ValueError or RuntimeError."""
    if _typecode(model_data) != "B":
        raise ValueError("model should be bytes")
    return _Model(model_data)


class _Model:
    def __init__(self, data):
        self._copy = data[:]
        self._buffer = array("B", bytes(len(data)))
        self._reply = reply = _host.call("emlearn_load", data=self._copy)
        if reply["buffer"] > len(data):
            machine.reset()

    def run(self, inputs, outputs):
        """Run the model on uint8 pixels; fills `outputs` with floats."""
        if _typecode(inputs) != "B":
            raise ValueError("expecting byte array")
        if len(inputs) != self._reply["inputs"]:
            raise ValueError("wrong input size")
        if _typecode(outputs) != "f":
            raise ValueError("expecting float array")
        if len(outputs) != self._reply["outputs"]:
            raise ValueError("wrong output size")
        floats = bytearray_at(addressof(outputs), 4 * len(outputs))
        _host.call("emlearn_run", self._reply["model"], data=inputs, into=floats)

    def output_dimensions(self):
        """Returns (number of outputs,)."""
        return (self._reply["outputs"],)


def _typecode(values):
    return repr(values[:0])[7:8] if isinstance(values, array) else ""
