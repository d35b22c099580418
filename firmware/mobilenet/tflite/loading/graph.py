# SPDX-License-Identifier: MIT
"""Reads and checks a .tflite completely: the kernels run an accepted model without further checks.

    graph = Graph(Flatbuffer(source))
    graph.operators     # list of (module of `operators`, record, input tensors, output tensor)

Raises GalagoError that names the layer: `model.malformed` (inconsistent), `model.operator` (an operator or
option that the engine lacks), `model.quantization` (not full int8).

A layer's record is an array('i') whose words ../record.toml describes.
"""

import gc
from array import array

from micropython import const

from ...errors import GalagoError
from ..operators import name
from . import scales

_RECORD = const(32)
# Words of a layer's record (record.toml).
_IN_H = const(6)
_IN_W = const(7)
_IN_C = const(8)
_OUT_H = const(9)
_OUT_W = const(10)
_OUT_C = const(11)
_K_H = const(12)
_S_H = const(14)
_P_T = const(16)
_IN_ZERO = const(18)
_OUT_ZERO = const(19)
_LOWEST = const(20)
_HIGHEST = const(21)
_IN_SCALE = const(22)
_OUT_SCALE = const(23)
_OPERATOR = const(31)

_INT32 = const(2)
_INT8 = const(9)
_TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 7: "int16", 9: "int8"}
_MOST = const(1 << 24)  # elements of a tensor, far beyond any board's memory
_WIDEST = const(32767)  # window or stride: TFLM stores paddings in 16 bits


def _operator(name):
    """Returns the module of `operators` with an operator's name, or None if the engine lacks it."""
    package = __name__.rsplit(".", 2)[0] + ".operators."
    try:
        return __import__(package + name, None, None, ("KERNEL",))
    except ImportError:
        return None


class Graph:
    """The only subgraph of a model: its tensors, and its operators in order."""

    def __init__(self, data):
        self.data = data
        if data.size < 8 or data.scalar_at(4, 4) != 0x334C4654:  # "TFL3"
            raise GalagoError("model.malformed", "not a TensorFlow Lite model (no TFL3 at byte 4)")
        model = data.table(data.scalar_at(0, 4))
        if data.scalar(model, 0, 4) != 3:
            self.malformed("schema version is %d, expected 3" % data.scalar(model, 0, 4))
        self._codes, self._code_count = data.tables(model, 1)
        graphs, count = data.tables(model, 2)
        if count != 1:
            self.malformed("%d subgraphs, expected 1" % count)
        graph = data.table_in(graphs, 0)
        self._buffers, self._buffer_count = data.tables(model, 4)
        self._tensors, self.tensor_count = data.tables(graph, 0)
        self.layer = "input"
        operators, count = data.tables(graph, 3)
        if not 0 < count < 256:
            self.unsupported("a graph of %d operators" % count)
        self.input = self._only(graph, 1)
        self.activation(self.input)
        self.known = {self.input}  # tensors that are computed so far
        self.operators = []
        for i in range(count):
            self.operators.append(self._operator(data.table_in(operators, i), i))
            gc.collect()  # compacts what is kept, so that a large block stays free for the arena
        self.layer = "output"
        self.output = self._only(graph, 2)
        if self.output not in self.known or self.output == self.input:
            self.malformed("no operator writes the output")

    def _only(self, graph, field):
        start, count = self.data.vector(graph, field, 4)
        if count != 1:
            self.unsupported("%d %ss of the graph, expected 1" % (count, self.layer))
        return self.data.i32(start)

    def _operator(self, table, index):
        data = self.data
        code = data.scalar(table, 0, 4)
        if code >= self._code_count:
            self.malformed("operator code %d of %d" % (code, self._code_count))
        code = data.table_in(self._codes, code)
        self.version = data.scalar(code, 2, 4, 1)
        code = max(data.scalar(code, 0, 1), data.scalar(code, 3, 4))
        self.layer = "layer %d" % index
        operator = _operator(name(code))
        if not operator:
            self.unsupported("operator %s" % name(code).upper())
        self.layer += " " + name(code).upper()
        start, count = data.vector(table, 1, 4)
        if not operator.NEEDS[0] <= count <= operator.NEEDS[1]:
            self.malformed("%d inputs, expected %d to %d" % (count, operator.NEEDS[0], operator.NEEDS[1]))
        inputs = [data.i32(start + 4 * i) for i in range(count)]
        start, count = data.vector(table, 2, 4)
        if count != 1:
            self.malformed("%d outputs, expected 1" % count)
        output = data.i32(start)
        for tensor in inputs[: operator.INPUTS]:
            self.source(tensor)
        self.activation(output)
        if output in self.known:
            self.malformed("output tensor %d is written twice" % output)
        record = array("i", [0] * _RECORD)
        record[_OPERATOR] = code
        kind, options = data.scalar(table, 3, 1), data.child(table, 4)
        if kind != operator.OPTIONS and (kind or options):
            self.malformed("options of type %d, expected %d" % (kind, operator.OPTIONS))
        operator = operator.prepare(self, options, inputs, output, record) or operator
        sources = [tensor for tensor in inputs if tensor in self.known]
        self.known.add(output)
        return operator, record, sources, output

    # The methods below are for the `prepare` of operators.

    def malformed(self, text):
        """Raises GalagoError for an inconsistent model."""
        where = getattr(self, "layer", "model")
        raise GalagoError("model.malformed", "%s: %s: copy or convert the model again" % (where, text))

    def unsupported(self, text):
        """Raises GalagoError for an operator or option that the engine lacks."""
        advice = "use a MobileNet or a similar network"
        raise GalagoError("model.operator", "%s: %s is not supported: %s" % (self.layer, text, advice))

    def unquantized(self, text):
        """Raises GalagoError for a model that is not full int8."""
        raise GalagoError("model.quantization", "%s: %s: convert it with full int8" % (self.layer, text))

    def option(self, options, number, size, default=0):
        """Returns a field of the operator's options, or `default` if it is absent."""
        return self.data.scalar(options, number, size, default) if options else default

    def source(self, tensor):
        """Checks that an input is the graph's or written by an earlier operator."""
        if tensor not in self.known:
            self.malformed("input tensor %d is not written by an earlier operator" % tensor)

    def activated(self, options, number):
        """Returns the fused activation: 0 NONE, 1 RELU, 3 RELU6."""
        activation = self.option(options, number, 1)
        if activation not in (0, 1, 3):
            self.unsupported("fused activation %d" % activation)
        return activation

    def _tensor(self, tensor):
        if not 0 <= tensor < self.tensor_count:
            self.malformed("tensor %d of %d" % (tensor, self.tensor_count))
        return self.data.table_in(self._tensors, tensor)

    def shape(self, tensor):
        """Returns the dimensions of a tensor: at most four, each at least 1."""
        start, count = self.data.vector(self._tensor(tensor), 0, 4)
        if count > 4:
            self.unsupported("tensor %d of rank %d" % (tensor, count))
        shape = tuple([self.data.i32(start + 4 * i) for i in range(count)])
        size = 1
        for n in shape:
            if not 0 < n <= _MOST:
                self.malformed("tensor %d has a dimension of %d" % (tensor, n))
            size *= n
            if size > _MOST:
                self.malformed("tensor %d has %d elements or more" % (tensor, size))
        return shape

    def image(self, tensor):
        """Returns (height, width, channels) of a tensor of rank 4 and batch 1."""
        shape = self.shape(tensor)
        if len(shape) != 4:
            self.unsupported("tensor %d of rank %d" % (tensor, len(shape)))
        if shape[0] != 1:
            self.unsupported("batch %d" % shape[0])
        return shape[1:]

    def volume(self, tensor):
        """Returns (height, width, channels) of a tensor; (1, 1, elements) if it is not an image."""
        shape = self.shape(tensor)
        return shape[1:] if len(shape) == 4 and shape[0] == 1 else (1, 1, self.elements(tensor))

    def elements(self, tensor):
        """Returns the number of elements of a tensor."""
        size = 1
        for n in self.shape(tensor):
            size *= n
        return size

    def activation(self, tensor):
        """Checks that a tensor is int8 and not constant."""
        kind = self.data.scalar(self._tensor(tensor), 1, 1)
        if kind != _INT8:
            self.unquantized("tensor %d has type %s, expected int8" % (tensor, _TYPES.get(kind, kind)))
        if self._buffer(tensor)[1]:
            self.unsupported("constant input tensor %d" % tensor)
        self.shape(tensor)
        self.scale(tensor)

    def _quantization(self, tensor):
        """Returns (position of the scales, count, position of the zero points, dimension)."""
        quantization = self.data.child(self._tensor(tensor), 4)
        if not quantization:
            self.unquantized("tensor %d has no quantization" % tensor)
        scales, count = self.data.vector(quantization, 2, 4)
        zeros, zero_count = self.data.vector(quantization, 3, 8)
        if not count or zero_count != count:
            self.unquantized("tensor %d has %d scales and %d zero points" % (tensor, count, zero_count))
        return scales, count, zeros, self.data.scalar(quantization, 6, 4)

    def ratio(self, a, b, d):
        """Refuses a factor a * b / d that overflows 32-bit sums; all are float32 exponents of scales."""
        if a + b - d > 127 + 28:
            self.unquantized("scales so large, compared with the output's, that sums exceed 32 bits")

    def _scale_at(self, position, tensor):
        bits = self.data.scalar_at(position, 4)
        if not 1 <= bits >> 23 <= 254:
            self.unquantized("tensor %d has a scale that is not a positive normal float32" % tensor)
        return bits

    def scale(self, tensor):
        """Returns (bits of the float32 scale, zero point) of a tensor with one scale."""
        scales, count, zeros, _ = self._quantization(tensor)
        if count != 1:
            self.unquantized("tensor %d has %d scales, expected 1" % (tensor, count))
        zero = self.data.i32(zeros)
        if not -128 <= zero <= 127 or self.data.i32(zeros + 4) != (-1 if zero < 0 else 0):
            self.unquantized("tensor %d has a zero point outside int8" % tensor)
        return self._scale_at(scales, tensor), zero

    def channel_scales(self, tensor, channels, axis, record):
        """Returns (position of the first scale, bytes between scales, zero point) of weights.

        The zero point is 0 but for weights that were uint8, which have only one scale.
        """
        scales, count, zeros, dimension = self._quantization(tensor)
        if count not in (1, channels) or (count > 1 and dimension != axis):
            self.unquantized("%d weight scales along axis %d, expected %d" % (count, dimension, channels))
        for i in range(count):
            scale = self._scale_at(scales + 4 * i, tensor)
            self.ratio(record[_IN_SCALE] >> 23, scale >> 23, record[_OUT_SCALE] >> 23)
            if count > 1 and (self.data.i32(zeros + 8 * i) or self.data.i32(zeros + 8 * i + 4)):
                self.unquantized("weights with a scale for each channel and zero points other than 0")
        return scales, 4 if count > 1 else 0, 0 if count > 1 else self.scale(tensor)[1]

    def _buffer(self, tensor):
        number = self.data.scalar(self._tensor(tensor), 2, 4)
        if number >= self._buffer_count:
            self.malformed("tensor %d has buffer %d of %d" % (tensor, number, self._buffer_count))
        buffer = self.data.table_in(self._buffers, number)
        if self.data.field(buffer, 1, 8) or self.data.field(buffer, 2, 8):
            self.unsupported("a buffer outside the flatbuffer")
        return self.data.vector(buffer, 0, 1)

    def constant(self, tensor, kind=_INT8):
        """Returns the position of the data of a constant tensor of int8 or int32."""
        if self.data.scalar(self._tensor(tensor), 1, 1) != kind:
            found = self.data.scalar(self._tensor(tensor), 1, 1)
            self.unquantized(
                "tensor %d has type %s, expected %s" % (tensor, _TYPES.get(found, found), _TYPES[kind])
            )
        start, size = self._buffer(tensor)
        expected = self.elements(tensor) * (1 if kind == _INT8 else 4)
        if size != expected:
            self.malformed("tensor %d holds %d bytes, expected %d" % (tensor, size, expected))
        return start

    def bias(self, inputs, channels):
        """Returns the position of the int32 bias, the operator's input 2, or 0 if it has none."""
        if len(inputs) < 3 or inputs[2] == -1:
            return 0
        start = self.constant(inputs[2], _INT32)
        if self.elements(inputs[2]) != channels:
            self.malformed("%d biases, expected %d" % (self.elements(inputs[2]), channels))
        return start

    def integers(self, tensor):
        """Returns the values of a constant int32 tensor with at most 8 elements."""
        start = self.constant(tensor, _INT32)
        count = self.elements(tensor)
        if count > 8:
            self.malformed("%d integers in tensor %d" % (count, tensor))
        return [self.data.i32(start + 4 * i) for i in range(count)]

    def fill(self, record, source, shape_in, output, shape_out, activation):
        """Writes shapes and quantization into a record: `in_h` … `out_c`, `in_zero` … `out_scale`."""
        record[_IN_H], record[_IN_W], record[_IN_C] = shape_in
        record[_OUT_H], record[_OUT_W], record[_OUT_C] = shape_out
        record[_IN_SCALE], record[_IN_ZERO] = self.scale(source)
        record[_OUT_SCALE], record[_OUT_ZERO] = scale, zero = self.scale(output)
        record[_LOWEST], record[_HIGHEST] = scales.activation_range(activation, scale, zero)

    def window(self, record, padding, kernel, stride):
        """Checks the output size of a window; writes `k_h` … `p_l`. `padding` is 0 SAME or 1 VALID."""
        if padding > 1:
            self.malformed("padding %d" % padding)
        for i in range(2):
            size, out, k, s = record[_IN_H + i], record[_OUT_H + i], kernel[i], stride[i]
            if not 0 < s <= _WIDEST or not 0 < k <= _WIDEST:
                self.malformed("window %d with stride %d, expected 1 to %d" % (k, s, _WIDEST))
            if out != (size - k + s) // s if padding else out != (size + s - 1) // s:
                self.malformed("%d outputs from %d inputs with window %d and stride %d" % (out, size, k, s))
            record[_K_H + i], record[_S_H + i] = k, s
            record[_P_T + i] = max(0, (out - 1) * s + k - size) // 2
