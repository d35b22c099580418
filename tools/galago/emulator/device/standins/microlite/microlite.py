# SPDX-License-Identifier: MIT
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`microlite` of tensorflow-micropython-examples: TensorFlow Lite Micro, which the emulator runs.

It behaves as the real module does: one element per call, no bounds checks, and quantizing truncates. An arena
that is too small is only printed, and the next call crashes: here it resets the board.
"""

import struct

import _host
import machine

__version__ = "stand-in"


class tensor:  # noqa: N801 (microlite's name)
    """An int8 tensor."""

    def __init__(self, memory, details):
        self._memory = memory
        self._scale, self._zero_point = details["scale"], details["zero_point"]

    def getValue(self, index):  # noqa: N802
        """Returns one element."""
        return struct.unpack_from("b", self._memory, index)[0]

    def setValue(self, index, value):  # noqa: N802
        """Set one element to the low byte of an int."""
        self._memory[index] = value & 255
        return self

    def getType(self, index):  # noqa: N802
        """Returns the name of the element type."""
        return "INT8"

    def quantizeFloatToInt8(self, value):  # noqa: N802
        """Returns the int8 of a float, truncated instead of rounded."""
        if not isinstance(value, float):
            raise TypeError("Expecting Parameter of float type")
        return int(value / self._scale + self._zero_point)

    def quantizeInt8ToFloat(self, value):  # noqa: N802
        """Returns the float of an int8."""
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
        reply = _host.call("tflm_load", data=model)
        self._number = reply["model"]
        self._ready = arena >= reply["arena"]
        if not self._ready:
            print("AllocateTensors() failed!")
        inputs = 1
        for size in reply["input"]["shape"]:
            inputs *= size
        outputs = 1
        for size in reply["output"]["shape"]:
            outputs *= size
        self._input = tensor(memoryview(self._arena)[:inputs], reply["input"])
        self._output = tensor(memoryview(self._arena)[inputs : inputs + outputs], reply["output"])

    def getInputTensor(self, index):  # noqa: N802
        """Returns the input tensor."""
        self._check_arena()
        return self._input

    def getOutputTensor(self, index):  # noqa: N802
        """Returns the output tensor."""
        self._check_arena()
        return self._output

    def invoke(self):
        """Call the input callback, run, and call the output callback. Returns 0."""
        self._check_arena()
        self._on_input(self)
        _host.call("tflm_invoke", self._number, data=self._input._memory, into=self._output._memory)
        self._on_output(self)
        return 0

    def _check_arena(self):
        if not self._ready:
            machine.reset()
