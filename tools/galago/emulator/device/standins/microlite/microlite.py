# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`microlite` of tensorflow-micropython-examples: TensorFlow Lite Micro, which the emulator runs.

Its habits are the real one's: one element a call, no check of bounds, quantizing cuts off; and that an arena
is too small is printed, no more, so that the next call goes astray: here it resets the board.
"""

import struct

import _link
import machine

__version__ = "stand-in"


class tensor:  # noqa: N801 (microlite's name)
    """An int8 tensor."""

    def __init__(self, memory, details):
        self._memory = memory
        self._scale, self._zero_point = details["scale"], details["zero_point"]

    def getValue(self, index):  # noqa: N802
        """One element."""
        return struct.unpack_from("b", self._memory, index)[0]

    def setValue(self, index, value):  # noqa: N802
        """Sets one element to the low byte of an int."""
        self._memory[index] = value & 255
        return self

    def getType(self, index):  # noqa: N802
        """Its name."""
        return "INT8"

    def quantizeFloatToInt8(self, value):  # noqa: N802
        """Cut off, not rounded."""
        if not isinstance(value, float):
            raise TypeError("Expecting Parameter of float type")
        return int(value / self._scale + self._zero_point)

    def quantizeInt8ToFloat(self, value):  # noqa: N802
        """The real value of an int8."""
        return (value - self._zero_point) * self._scale


class interpreter:  # noqa: N801
    """interpreter(model, arena_bytes, input_callback, output_callback)."""

    def __init__(self, model, arena, on_input, on_output):
        for callback, name in ((on_input, "Input"), (on_output, "Output")):
            if callback is not None and not callable(callback):
                raise ValueError(f"Invalid {name} Callback Handler")
        self._model, self._on_input, self._on_output = model, on_input, on_output
        self._arena = bytearray(arena + 16)
        text = "interpreter_make_new: model size = {}, tensor area = {}"
        print(text.format(len(model), arena + 16))
        reply = _link.call("tflm_load", data=model)
        self._number = reply["model"]
        self._ready = arena >= reply["arena"]
        if not self._ready:
            print("AllocateTensors() failed!")
        given = 1
        for size in reply["input"]["shape"]:
            given *= size
        made = 1
        for size in reply["output"]["shape"]:
            made *= size
        self._input = tensor(memoryview(self._arena)[:given], reply["input"])
        self._output = tensor(memoryview(self._arena)[given : given + made], reply["output"])

    def getInputTensor(self, index):  # noqa: N802
        """The input."""
        self._astray()
        return self._input

    def getOutputTensor(self, index):  # noqa: N802
        """The output."""
        self._astray()
        return self._output

    def invoke(self):
        """Asks for the input, runs, and hands out the output; 0, or 1 where TFLM failed."""
        self._astray()
        self._on_input(self)
        _link.call("tflm_invoke", self._number, data=self._input._memory, into=self._output._memory)
        self._on_output(self)
        return 0

    def _astray(self):
        if not self._ready:
            machine.reset()
