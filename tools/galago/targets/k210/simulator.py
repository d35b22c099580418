# SPDX-License-Identifier: MIT
"""Runs a kmodel: the KPU's layers bit by bit, the CPU's layers in float32.

    simulator = Simulator(Kmodel.read(data))
    probabilities = simulator.run(picture)[0]       # picture: uint8 [channels, height, width]
    simulator.run(picture, watch=lambda number, layer, result: ...)

Results of the KPU are exact under the rules of docs/k210.md. Those of the CPU are float32, summed in the
order of the kendryte-standalone-sdk, so that the last bit may differ from the board's.
"""

from collections.abc import Callable
from functools import singledispatchmethod

import numpy as np

from galago.errors import GalagoError
from galago.targets.k210 import cpu_layers as cpu
from galago.targets.k210 import kpu_arithmetic, kpu_ram
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_arithmetic import Rounding
from galago.targets.k210.kpu_conv import KpuConv
from galago.targets.k210.layer import KmodelLayer

Watch = Callable[[int, KmodelLayer, np.ndarray], None]
_FLOAT_LAYERS = (
    cpu.Add,
    cpu.GlobalAveragePool,
    cpu.Dequantize,
    cpu.ChannelwiseDequantize,
    cpu.Softmax,
    cpu.Logistic,
    cpu.L2Normalization,
    cpu.FullyConnected,
    cpu.Flatten,
)  # layers whose results are float32


class Simulator:
    """A K210 with one model. Raises GalagoError model.operator if the first layer takes no picture."""

    def __init__(self, model: Kmodel, rounding: Rounding = "up") -> None:
        first = model.layers[0]
        if not isinstance(first, KpuConv):
            raise GalagoError(
                "model.operator",
                "the first layer is not a K210_CONV, which takes the picture: compile it again",
            )
        self.model = model
        self.rounding: Rounding = rounding
        self.ram = np.zeros(kpu_ram.RAM_BYTES, np.uint8)
        self.main = np.zeros(model.main_bytes, np.uint8)
        self._source = first.source

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the picture."""
        return self._source.channels, self._source.height, self._source.width

    def run(self, picture: np.ndarray, watch: Watch | None = None) -> list[np.ndarray]:
        """Returns the outputs, float32 or uint8, flat.

        `watch` is called with number, layer and result of each layer.
        """
        if picture.shape != self.input_shape or picture.dtype != np.uint8:
            raise GalagoError(
                "image.size",
                f"expected uint8 of {self.input_shape}, got {picture.dtype} {picture.shape}: resize it first",
            )
        kpu_ram.store(self.ram, self._source, picture)
        for number, layer in enumerate(self.model.layers):
            try:
                result = self._run(layer)
            except GalagoError as error:
                raise GalagoError(error.code, f"layer {number}: {error.message}") from None
            if watch:
                watch(number, layer, result)
        last = self.model.layers[-1]
        dtype = (
            np.float32
            if isinstance(last, _FLOAT_LAYERS) and not isinstance(last, cpu.QuantizedAdd)
            else np.uint8
        )
        return [
            self._bytes(at, size // np.dtype(dtype).itemsize, dtype).copy() for at, size in self.model.outputs
        ]

    def _bytes(self, address: int, count: int, dtype: type = np.uint8) -> np.ndarray:
        """Returns a view of main RAM, aligned or not."""
        size = count * np.dtype(dtype).itemsize
        return self.main[address : address + size].view(dtype)

    def _floats(self, address: int, count: int) -> np.ndarray:
        return self._bytes(address, count, np.float32)

    def _put(self, address: int, values: np.ndarray) -> np.ndarray:
        """Stores an array in main RAM and returns it."""
        self.main[address : address + values.nbytes] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        return values

    @singledispatchmethod
    def _run(self, layer: KmodelLayer) -> np.ndarray:
        raise TypeError(f"cannot run {type(layer).__name__}")

    @_run.register
    def _conv(self, layer: KpuConv) -> np.ndarray:
        result = kpu_arithmetic.run(layer, kpu_ram.fetch(self.ram, layer.source), self.rounding)
        kpu_ram.store(self.ram, layer.target, result)
        if layer.flags & 1:
            self._put(layer.output, result)
        return result

    @_run.register
    def _upload(self, layer: cpu.Upload) -> np.ndarray:
        (layout,) = layer.kpu_maps()
        values = self._bytes(layer.input, layer.width * layer.height * layer.channels)
        values = values.reshape(layer.channels, layer.height, layer.width)
        kpu_ram.store(self.ram, layout, values)
        return values

    @_run.register
    def _add_padding(self, layer: cpu.AddPadding) -> np.ndarray:
        (layout,) = layer.kpu_maps()
        values = kpu_ram.fetch(self.ram, layout)
        values[:, 0, 0] = self._bytes(layer.input, layer.channels)
        kpu_ram.store(self.ram, layout, values)
        return values[:, 0, 0]

    @_run.register
    def _remove_padding(self, layer: cpu.RemovePadding) -> np.ndarray:
        return self._put(layer.output, self._bytes(layer.input, 16 * layer.channels)[::16].copy())

    @_run.register
    def _quantize(self, layer: cpu.Quantize) -> np.ndarray:
        inverse = np.float32(1) / np.float32(layer.scale)
        scaled = (self._floats(layer.input, layer.count) - np.float32(layer.bias)) * inverse
        rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))  # halves away from zero
        return self._put(layer.output, rounded.clip(0, 255).astype(np.uint8))

    @_run.register
    def _dequantize(self, layer: cpu.Dequantize) -> np.ndarray:
        values = self._bytes(layer.input, layer.count).astype(np.float32)
        return self._put(layer.output, values * np.float32(layer.scale) + np.float32(layer.bias))

    @_run.register
    def _channelwise(self, layer: cpu.ChannelwiseDequantize) -> np.ndarray:
        values = self._bytes(layer.input, layer.channels * layer.size).reshape(layer.channels, layer.size)
        scale, bias = layer.factors.reshape(-1, 2, 1).swapaxes(0, 1)
        return self._put(layer.output, values.astype(np.float32) * scale + bias)

    @_run.register
    def _requantize(self, layer: cpu.Requantize) -> np.ndarray:
        return self._put(layer.output, layer.table[self._bytes(layer.input, layer.count)])

    @_run.register
    def _quantized_add(self, layer: cpu.QuantizedAdd) -> np.ndarray:
        a, b = (self._bytes(at, layer.count).astype(np.int64) for at in (layer.a, layer.b))
        a, b = (a + layer.a_offset) * layer.a_mul, (b + layer.b_offset) * layer.b_mul
        same = layer.a_shift == layer.b_shift
        total = a + b >> layer.a_shift if same else (a >> layer.a_shift) + (b >> layer.b_shift)
        result = (
            kpu_arithmetic.round_up(total * layer.output_mul, np.array(layer.output_shift))
            + layer.output_offset
        )
        return self._put(layer.output, result.clip(0, 255).astype(np.uint8))

    @_run.register
    def _add(self, layer: cpu.Add) -> np.ndarray:
        return self._put(
            layer.output, self._floats(layer.a, layer.count) + self._floats(layer.b, layer.count)
        )

    @_run.register
    def _global_average(self, layer: cpu.GlobalAveragePool) -> np.ndarray:
        values = self._floats(layer.input, layer.channels * layer.size).reshape(layer.channels, layer.size)
        total = np.add.accumulate(values, axis=1, dtype=np.float32)[:, -1]  # in order, as the board adds
        return self._put(layer.output, total / np.float32(layer.size))

    @_run.register
    def _max_pool(self, layer: cpu.QuantizedMaxPool) -> np.ndarray:
        values = self._bytes(layer.input, layer.in_channels * layer.in_height * layer.in_width)
        values = values.reshape(layer.in_channels, layer.in_height, layer.in_width)
        result = np.zeros((layer.out_channels, layer.out_height, layer.out_width), np.uint8)
        for y in range(layer.out_height):
            top = y * layer.stride_height - layer.pad_height
            rows = values[:, max(top, 0) : max(top + layer.kernel_height, 0)]
            for x in range(layer.out_width):
                left = x * layer.stride_width - layer.pad_width
                window = rows[:, :, max(left, 0) : max(left + layer.kernel_width, 0)]
                result[:, y, x] = window.max((1, 2), initial=0)
        return self._put(layer.output, result)

    @_run.register
    def _fully_connected(self, layer: cpu.FullyConnected) -> np.ndarray:
        weights = layer.weights.reshape(layer.outputs, layer.inputs)
        result = weights @ self._floats(layer.input, layer.inputs) + layer.bias
        if layer.act:
            result = result.clip(0, 6 if layer.act == 2 else None)
        return self._put(layer.output, result)

    @_run.register
    def _flatten(self, layer: cpu.Flatten) -> np.ndarray:
        values = self._floats(layer.input, layer.channels * layer.height * layer.width)
        values = values.reshape(layer.channels, layer.height, layer.width)
        return self._put(layer.output, values.transpose(1, 2, 0).copy())

    @_run.register
    def _concat(self, layer: cpu.Concat) -> np.ndarray:
        parts = [self._bytes(int(at), int(size)) for at, size in layer.pieces.reshape(-1, 2)]
        return self._put(layer.output, np.concatenate(parts))

    @_run.register
    def _softmax(self, layer: cpu.Softmax) -> np.ndarray:
        values = self._floats(layer.input, layer.channels)
        powers = np.exp(values - values.max())
        return self._put(layer.output, powers / powers.sum(dtype=np.float32))

    @_run.register
    def _logistic(self, layer: cpu.Logistic) -> np.ndarray:
        return self._put(layer.output, 1 / (1 + np.exp(-self._floats(layer.input, layer.channels))))

    @_run.register
    def _l2_normalization(self, layer: cpu.L2Normalization) -> np.ndarray:
        values = self._floats(layer.input, layer.channels)
        length = np.sqrt(np.maximum((values * values).sum(dtype=np.float32), np.float32(1e-10)))
        return self._put(layer.output, values / length)
