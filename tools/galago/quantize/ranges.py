# SPDX-License-Identifier: MIT
"""Chooses the range of an int8 tensor: it may clip outliers where that makes the other values' steps finer.

low, high = logits_range(logits)            # float [n, classes]
low, high = nearest_range(x, (-3.2, 41.0))
"""

import numpy as np

from galago.quantize.fake_quant import fake_quant
from galago.tflite.arithmetic import softmax

_HEADROOM = 0.25  # added above the largest logit, as a share of the range: other pictures may reach more
_SHARES = np.linspace(0.3, 1, 15)  # candidate limits, as shares of the observed ones
_SAMPLES = 200_000  # values of a tensor that `nearest_range` compares


def logits_range(logits: np.ndarray) -> tuple[float, float]:
    """Returns the (low, high) of 255 steps whose softmax is nearest to that of float logits [n, classes].

    The distance is the Kullback-Leibler divergence.
    """
    exact = softmax(logits)
    best = (np.inf, 0.0, 1.0)
    for low in np.quantile(logits, [0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5]):
        for high in np.quantile(logits.max(axis=1), [0.9, 0.95, 0.98, 1]):
            step = max(high - low, 1e-6) / 255
            rounded = softmax(np.round(np.clip(logits, low, high) / step) * step)
            loss = float((exact * (np.log(exact + 1e-9) - np.log(rounded + 1e-9))).sum(axis=1).mean())
            best = min(best, (loss, float(low), float(high)))
    _, low, high = best
    return low, high + _HEADROOM * (high - low)


def nearest_range(x: np.ndarray, limits: tuple[float, float]) -> tuple[float, float]:
    """Returns the (low, high) within `limits` that round and clip x [n, …] with the least squared error."""
    # Random positions: regularly spaced ones would hit the same channels again and again.
    chosen = np.random.default_rng(1).integers(x.size, size=_SAMPLES)
    values = x.ravel()[chosen]
    best = (np.inf, *limits)
    for low in limits[0] * _SHARES if limits[0] < 0 else [0.0]:
        for high in limits[1] * _SHARES if limits[1] > 0 else [0.0]:
            if high > low:
                rounded = np.asarray(fake_quant(values, (float(low), float(high))))
                best = min(best, (float(np.square(rounded - values).mean()), float(low), float(high)))
    return best[1:]
