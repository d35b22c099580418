# SPDX-License-Identifier: MIT
"""Which numbers a tensor of int8 shall reach: fewer than were seen, where steps serve better elsewhere."""

import numpy as np

from galago.quantize.fake_quant import round_to

_HEADROOM = 0.25  # of the logits' range, above the largest seen: other pictures may be recognized more surely
_SHARES = np.linspace(0.3, 1, 15)  # of what was seen, on either side of zero
_NUMBERS = 200_000  # of a tensor that are looked at


def logits_range(logits: np.ndarray) -> tuple[float, float]:
    """The range of 255 steps whose softmax is nearest to the exact one, by Kullback-Leibler divergence."""
    exact = softmax(logits)
    best = (np.inf, 0.0, 1.0)
    for low in np.quantile(logits, [0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5]):
        for high in np.quantile(logits.max(axis=1), [0.9, 0.95, 0.98, 1]):
            step = max(high - low, 1e-6) / 255
            said = softmax(np.round(np.clip(logits, low, high) / step) * step)
            loss = float((exact * (np.log(exact + 1e-9) - np.log(said + 1e-9))).sum(axis=1).mean())
            best = min(best, (loss, float(low), float(high)))
    _, low, high = best
    return low, high + _HEADROOM * (high - low)


def nearest_range(x: np.ndarray, limits: tuple[float, float]) -> tuple[float, float]:
    """The range within `limits` that leaves the least squared error of rounding and clipping x."""
    # By chance: equal steps would meet the same channels again and again.
    chosen = np.random.default_rng(1).integers(x.size, size=_NUMBERS)
    numbers = x.ravel()[chosen]
    best = (np.inf, *limits)
    for low in limits[0] * _SHARES if limits[0] < 0 else [0.0]:
        for high in limits[1] * _SHARES if limits[1] > 0 else [0.0]:
            if high > low:
                said = np.asarray(round_to(numbers, (float(low), float(high))))
                best = min(best, (float(np.square(said - numbers).mean()), float(low), float(high)))
    return best[1:]


def softmax(x: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
