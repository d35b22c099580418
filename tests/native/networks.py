# SPDX-License-Identifier: MIT
"""Random networks of layers with weights, to test kernels."""

import numpy as np

from support.builder import NONE, RELU, RELU6, SAME, VALID, Builder


def network(rng: np.random.Generator, doubles: bool) -> bytes:
    """A chain of layers with weights, of random shapes, with every special case that kernels distinguish.

    Some channels always shift so far that their multiplier is 0; with `doubles`, others shift by 0.
    """
    shape = (1, int(rng.integers(6, 13)), int(rng.integers(6, 15)), int(rng.integers(1, 12)))
    graph = Builder(shape, 1.0, int(rng.choice([-128, 0, 127, 5])))
    y = graph.input
    for _ in range(6):
        _, height, width, depth = graph.shape(y)
        kind = rng.choice(["pointwise", "depthwise", "convolution", "odd"])
        window = {"pointwise": (1, 1), "odd": tuple(int(n) for n in rng.integers(1, 5, 2))}.get(kind, (3, 3))
        stride = (2, 2) if kind in ("depthwise", "convolution") and rng.random() < 0.4 else (1, 1)
        channels = depth if kind == "depthwise" else int(rng.integers(1, 19))
        taps = window[0] * window[1] * (1 if kind == "depthwise" else depth)
        weights = rng.integers(-128, 128, (channels, *window, taps // (window[0] * window[1]))).astype(
            np.int8
        )
        # Outputs spread over their range. Tensors have a scale of 1, so that of the weights is the factor.
        base = 0.012 / np.sqrt(taps)
        scales = base * np.exp(rng.uniform(-1, 1, channels))
        bias = rng.integers(-3000, 3000, channels).astype(np.int32)
        for channel in np.flatnonzero(rng.random(channels) < 0.15):
            scales[channel] = rng.choice([1e-8, 3e-10, 1e-12])
            bias[channel] = rng.choice([-1, 1]) * rng.choice(
                [1 << 30, 12345, int(4 / scales[channel]) % (1 << 30)]
            )
        if doubles:
            channel = rng.integers(channels)
            scales[channel], bias[channel] = 0.75, rng.integers(-40, 40)
            weights[channel] = rng.integers(-1, 2, weights[channel].shape)
        activation = int(rng.choice([NONE, RELU, RELU6]))
        common = {
            "stride": stride,
            "padding": VALID if min(height, width) > 6 and rng.random() < 0.3 else SAME,
            "activation": activation,
            "out": (
                1.0 if activation != RELU6 else 0.03,
                -128 if activation else int(rng.integers(-128, 128)),
            ),
        }
        scales *= common["out"][0] / graph.out(y)[0]
        used_bias = bias if rng.random() < 0.8 else None
        if kind == "depthwise":
            y = graph.depthwise(
                y, weights[..., 0].transpose(1, 2, 0)[None].copy(), used_bias, list(scales), **common
            )
        else:
            y = graph.conv(y, weights, used_bias, list(scales), **common)
    return graph.finish(y)
