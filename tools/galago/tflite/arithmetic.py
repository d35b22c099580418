# SPDX-License-Identifier: MIT
"""Arithmetic of TensorFlow Lite that several parts of the host need.

multipliers, shifts = quantize_multiplier(np.array([0.004, 0.003]))
probabilities = softmax(logits)
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def quantize_multiplier(factors: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fixed-point form of positive factors of any shape: factor = multiplier / 2**31 * 2**shift, int64 each.

    Multipliers are 2**30 to 2**31 - 1, shifts are positive to the left. As QuantizeMultiplier of TensorFlow
    Lite (tensorflow/lite/kernels/internal/quantization_util.cc).
    """
    fractions, exponents = np.frexp(np.asarray(factors, np.float64))
    multipliers = np.floor(fractions * (1 << 31) + 0.5).astype(np.int64)
    carry = multipliers >> 31  # 1 where a fraction was rounded up to 1
    return multipliers >> carry, exponents.astype(np.int64) + carry


def softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Probabilities for logits [..., classes], of the same shape and dtype, in plain floating point."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
