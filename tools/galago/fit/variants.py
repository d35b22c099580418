# SPDX-License-Identifier: MIT
"""MobileNets of any width and input size, calculated without training one.

    variant = Variant("mobilenet_v1", alpha=0.25, size=96, outputs=(22,))
    variant.tflite()        # a .tflite with the shapes of the real one and weights of zero

The layers are those of the papers (Howard et al. 2017, table 1; Sandler et al. 2018, table 2), with the
channels of keras.applications and the padding of `galago train`, "same", which needs no PAD. A convolution
from c to d channels with a window of k x k and h x w outputs has k*k*c*d weights of one byte (k*k*d if it is
depthwise), 12 more bytes per output channel, and h*w MACs per weight.
"""

from dataclasses import dataclass
from typing import NamedTuple

SIZES = (48, 64, 80, 96, 112, 128, 160, 192, 224)
"""The input sizes in pixels that `galago fit` suggests."""

# (channels, stride) of each depthwise separable convolution.
_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *5 * ((512, 1),), (1024, 2), (1024, 1))
V1_BLOCKS = len(_V1)
# (expansion, channels, repeats, stride of the first) of each group of bottlenecks.
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_PER_CHANNEL = 12  # bytes: the bias, its scale and that of the weights; zero points of 0 are stored once
_NAME = ""  # `galago train` leaves the names out


class _Step(NamedTuple):
    """A convolution."""

    kind: str
    """conv or depthwise."""
    channels: int
    """Output channels; 0 for as many as there are inputs."""
    window: int
    stride: int
    relu6: bool = True
    shortcut: int = 0
    """How many steps back the output lies that is added to this one; 0 for none."""


@dataclass(frozen=True)
class Variant:
    """A MobileNet."""

    architecture: str
    """mobilenet_v1 or mobilenet_v2."""
    alpha: float
    """Width multiplier."""
    size: int
    """Height and width of the input in pixels."""
    outputs: tuple[int, ...]
    """The outputs of each dense layer; the last are the classes."""
    channels: int = 3
    blocks: int = 0
    """How many depthwise separable convolutions of V1 there are, from the input on; 0 for all 13."""

    @property
    def name(self) -> str:
        """A readable name, such as MobileNet V1 0.25@96, or 0.25/7@64 with seven blocks."""
        blocks = f"/{self.blocks}" if self.blocks else ""
        return f"MobileNet {self.architecture[-2:].upper()} {self.alpha:g}{blocks}@{self.size}"

    @property
    def macs(self) -> int:
        """MACs of one inference."""
        return self._totals()[0]

    @property
    def weights(self) -> int:
        """Bytes of weights, biases and their scales, which are most of the file."""
        return self._totals()[1]

    def _totals(self) -> tuple[int, int]:
        macs = weights = 0
        side, channels = self.size, self.channels
        for step in self._steps():
            side = -(-side // step.stride)
            sources = channels if step.kind == "conv" else 1
            channels = step.channels or channels
            taps = step.window**2 * sources * channels
            macs, weights = macs + side**2 * taps, weights + taps + _PER_CHANNEL * channels
        for count in self.outputs:
            macs, weights = macs + channels * count, weights + (channels + _PER_CHANNEL) * count
            channels = count
        return macs, weights

    def _steps(self) -> list[_Step]:
        if self.architecture == "mobilenet_v1":
            return _steps_v1(self.alpha, self.blocks or V1_BLOCKS)
        return _steps_v2(self.alpha)

    def tflite(self) -> bytes:
        """A full-int8 .tflite of this shape whose weights are all zero."""
        from galago.tflite.build import ShapeBuilder

        graph = ShapeBuilder((1, self.size, self.size, self.channels), name=_NAME)
        outputs = [graph.input]
        for step in self._steps():
            if step.kind == "depthwise":
                output = graph.depthwise(outputs[-1], step.window, step.stride, step.relu6)
            else:
                output = graph.conv(outputs[-1], step.channels, step.window, step.stride, step.relu6)
            if step.shortcut:
                output = graph.add(outputs[-step.shortcut], output)
            outputs.append(output)
        output = graph.mean(outputs[-1])
        for position, count in enumerate(self.outputs):
            output = graph.dense(output, count, relu6=position < len(self.outputs) - 1)
        return graph.finish(graph.softmax(output))


def _steps_v1(alpha: float, blocks: int) -> list[_Step]:
    # keras.applications.MobileNet truncates; V2 rounds to multiples of 8.
    steps = [_Step("conv", int(32 * alpha), 3, 2)]
    for channels, stride in _V1[:blocks]:
        steps += [_Step("depthwise", 0, 3, stride), _Step("conv", int(channels * alpha), 1, 1)]
    return steps


def _steps_v2(alpha: float) -> list[_Step]:
    before = _to_eights(32 * alpha)
    steps = [_Step("conv", before, 3, 2)]
    for expansion, channels, repeats, first_stride in _V2:
        after = _to_eights(channels * alpha)
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            if expansion > 1:
                steps.append(_Step("conv", expansion * before, 1, 1))
            steps.append(_Step("depthwise", 0, 3, stride))
            shortcut = 3 if stride == 1 and before == after and expansion > 1 else 0
            steps.append(_Step("conv", after, 1, 1, relu6=False, shortcut=shortcut))
            before = after
    return [*steps, _Step("conv", _to_eights(1280 * max(alpha, 1)), 1, 1)]


def _to_eights(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not more than 10 % below (keras: _make_divisible)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
