# SPDX-License-Identifier: MIT
"""What TensorFlow Lite Micro computes of scales in float32, in integers: a scale is the bits of a float32."""

from ...errors import GalagoError


def product(a, b):
    """The bits of the float32 product of two float32, rounded to even."""
    p = (a & 0x7FFFFF | 0x800000) * (b & 0x7FFFFF | 0x800000)
    drop = 24 if p >> 47 else 23
    q = p >> drop
    rest = p & (1 << drop) - 1
    if rest > 1 << drop - 1 or (rest == 1 << drop - 1 and q & 1):
        q += 1
    exponent = (a >> 23) + (b >> 23) - 150 + drop + (q >> 24)
    if not 0 < exponent < 255:
        raise GalagoError(
            "model.quantization", "a product of scales passes float32: quantize the model again"
        )
    return exponent << 23 | (q >> (q >> 24)) & 0x7FFFFF


def steps(n, scale):
    """round(n / scale) in float32 as TFLM computes it, for n up to 6; 512 for anything greater."""
    exponent = 150 - (scale >> 23)
    if exponent > 33:
        return 512
    if exponent < -10:
        return 0
    top = n << exponent + 40
    bottom = (scale & 0x7FFFFF | 0x800000) << 40
    # Half a unit of the last place of the float32 quotient: what lies closer to a half has become a half.
    tie = bottom
    while tie > top:
        tie >>= 1
    while tie * 2 <= top:
        tie <<= 1
    return (2 * top + bottom + (tie >> 23)) // (2 * bottom)


def activation_range(activation, scale, zero):
    """(lowest, highest) int8 output of a fused activation: 0 NONE, 1 RELU, 3 RELU6."""
    lowest, highest = -128, 127
    if activation:
        lowest = max(lowest, zero)
    if activation == 3:
        highest = min(highest, zero + steps(6, scale))
    return lowest, highest
