# SPDX-License-Identifier: MIT
"""TensorFlow Lite Micro's float32 arithmetic on scales, in integers: a scale is the bits of a float32."""

from ...errors import GalagoError


def product(a, b):
    """Returns the bits of the float32 product of two float32, rounded half to even."""
    p = (a & 0x7FFFFF | 0x800000) * (b & 0x7FFFFF | 0x800000)
    drop = 24 if p >> 47 else 23
    q = p >> drop
    rest = p & (1 << drop) - 1
    if rest > 1 << drop - 1 or (rest == 1 << drop - 1 and q & 1):
        q += 1
    exponent = (a >> 23) + (b >> 23) - 150 + drop + (q >> 24)
    if not 0 < exponent < 255:
        raise GalagoError(
            "model.quantization", "a product of scales exceeds float32: quantize the model again"
        )
    return exponent << 23 | (q >> (q >> 24)) & 0x7FFFFF


def ratio(a, d):
    """Returns the bits of the float32 quotient of two float32, rounded half to even."""
    top = (a & 0x7FFFFF | 0x800000) << 25
    bottom = d & 0x7FFFFF | 0x800000
    exponent = (a >> 23) - (d >> 23) + 126
    q = top // bottom
    rest = top % bottom
    if q >> 25:  # one bit more than a float32 and the bit that rounds
        rest |= q & 1
        q >>= 1
        exponent += 1
    half = q & 1
    q >>= 1
    if half and (rest or q & 1):
        q += 1
    exponent += q >> 24
    if not 0 < exponent < 255:
        raise GalagoError(
            "model.quantization", "a quotient of scales exceeds float32: quantize the model again"
        )
    return exponent << 23 | (q >> (q >> 24)) & 0x7FFFFF


def steps(n, scale):
    """Returns round(n / scale) as TFLM computes it in float32, for n up to 6; at most 512."""
    exponent = 150 - (scale >> 23)
    if exponent > 33:
        return 512
    if exponent < -10:
        return 0
    top = n << exponent + 40
    bottom = (scale & 0x7FFFFF | 0x800000) << 40
    # Half a unit in the last place of the float32 quotient: what is closer to 1/2 has become 1/2.
    tie = bottom
    while tie > top:
        tie >>= 1
    while tie * 2 <= top:
        tie <<= 1
    return (2 * top + bottom + (tie >> 23)) // (2 * bottom)


def activation_range(activation, scale, zero):
    """Returns (lowest, highest) int8 output of a fused activation: 0 NONE, 1 RELU, 3 RELU6."""
    lowest, highest = -128, 127
    if activation:
        lowest = max(lowest, zero)
    if activation == 3:
        highest = min(highest, zero + steps(6, scale))
    return lowest, highest
