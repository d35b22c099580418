# SPDX-License-Identifier: MIT
"""Small networks of MobileNet's layers with random weights, as int8 .tflite.

net = RandomNetwork(rng, size=64)
net.conv(8, stride=2); net.depthwise(); net.conv(16, kernel=1); net.head(10)
data = net.finish()
"""

import numpy as np

from support.builder import Builder

NONE, RELU, RELU6 = 0, 1, 3
VALID = 1
_RELU6_OUTPUT = (6 / 255, -128)  # scale and zero point


class RandomNetwork:
    """Weights are uniform, and scaled so that the outputs of every layer fill about its range."""

    def __init__(self, rng: np.random.Generator, size: int, channels: int = 3) -> None:
        self.rng = rng
        self.builder = Builder((1, size, size, channels))
        self.last = self.builder.input
        self._spread = 73.0  # of the last tensor's int8 values around its zero point

    def conv(
        self, channels: int, kernel: int = 3, stride: int = 1, activation: int = RELU6, **options
    ) -> int:
        """Appends a CONV_2D."""
        inputs = self.builder.shape(self.last)[3]
        weights = self._weights((channels, kernel, kernel, inputs))
        return self._layer(
            self.builder.conv,
            weights,
            kernel * kernel * inputs,
            stride=(stride, stride),
            activation=activation,
            **options,
        )

    def depthwise(self, stride: int = 1, activation: int = RELU6, **options) -> int:
        """Appends a 3x3 DEPTHWISE_CONV_2D."""
        weights = self._weights((1, 3, 3, self.builder.shape(self.last)[3]))
        return self._layer(
            self.builder.depthwise, weights, 9, stride=(stride, stride), activation=activation, **options
        )

    def add(self, a: int, b: int) -> int:
        """Appends an ADD."""
        scale = float(max(self.builder.out(a)[0], self.builder.out(b)[0])) * float(self.rng.uniform(1.1, 1.5))
        self.last = self.builder.add(a, b, out=(scale, int(self.rng.integers(-20, 20))))
        return self.last

    def head(self, classes: int, hidden: int = 0) -> int:
        """Appends a global mean, one or two dense layers and a softmax."""
        self.last = self.builder.mean(self.last, out=self.builder.out(self.last))
        for outputs, activation in ((hidden, RELU6), (classes, NONE)):
            if outputs:
                weights = self._weights((outputs, self.builder.shape(self.last)[-1]))
                self._layer(self.builder.dense, weights, weights.shape[1], activation=activation)
        self.last = self.builder.softmax(self.last)
        return self.last

    def finish(self) -> bytes:
        """Returns the file."""
        return self.builder.finish(self.last)

    def _weights(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def _layer(self, build, weights: np.ndarray, taps: int, activation: int, **options) -> int:
        channels = weights.shape[3 if build == self.builder.depthwise else 0]
        relu6 = activation == RELU6
        out = (
            _RELU6_OUTPUT if relu6 else (float(self.rng.uniform(0.05, 0.2)), int(self.rng.integers(-30, 30)))
        )
        target = 2.0 / out[0] if relu6 else 60.0  # spread of the output, in its steps
        spread = 73.0 * self._spread * np.sqrt(taps)
        factor = target / spread * self.rng.uniform(0.6, 1.4, channels)
        scales = factor * out[0] / self.builder.out(self.last)[0]
        bias = (self.rng.normal(0, 0.5, channels) * spread).astype(np.int32)
        self.last = build(self.last, weights, bias, scales, activation=activation, out=out, **options)
        self._spread = 90.0 if relu6 else 60.0
        return self.last


def small_v1(rng: np.random.Generator) -> RandomNetwork:
    """Returns a small MobileNet V1 of random size, widths and depth."""
    net = RandomNetwork(rng, size=int(rng.choice([32, 48, 64, 80])), channels=int(rng.choice([1, 3])))
    net.conv(8 * int(rng.integers(1, 4)), stride=2)
    for stride in (1, 2, 1, 2):
        net.depthwise(stride=stride)
        net.conv(8 * int(rng.integers(1, 6)), kernel=1)
    net.head(int(rng.integers(2, 20)), hidden=int(rng.choice([0, 16])))
    return net


def small_v2(rng: np.random.Generator, size: int = 0, strides: tuple[int, ...] = (2, 1, 1)) -> RandomNetwork:
    """Returns a small MobileNet V2 with residual additions."""
    net = RandomNetwork(rng, size=size or int(rng.choice([32, 64, 96])))
    net.conv(16, stride=2)
    net.depthwise()
    x = net.conv(8, kernel=1, activation=0)
    for stride in strides:
        channels = net.builder.shape(x)[3]
        net.conv(6 * channels, kernel=1)
        net.depthwise(stride=stride)
        y = net.conv(channels if stride == 1 else 8, kernel=1, activation=0)
        x = net.add(x, y) if stride == 1 else y
    net.conv(64, kernel=1)
    net.head(10)
    return net
