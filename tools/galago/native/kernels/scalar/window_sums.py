# SPDX-License-Identifier: MIT
"""What weights with a zero point z take from each sum of a convolution: z times the sum of its window.

With zero as the input's, sum (x - zero) (w - z) = sum x w - zero * sum (w - z) - z * sum x. The second term
is part of the table's biases. The third is the same for all channels, and computed once for each pixel when
its window is gathered: the words `corrections`, which lie between the table and the windows.
"""

from galago.native.kernels.scalar.function import Function


def make_room(code: Function, pixels: int, t: int) -> None:
    """Moves `windows` behind the corrections of so many pixels. Keeps `pixels`."""
    code.load(t, "windows")
    code.store(t, "corrections")
    for _ in range(4):
        code.plus(t, t, pixels)
    code.store(t, "windows")


def begin_weights(code: Function, total: int, taps: int, t: int) -> None:
    """total = - taps * z, to which the weights of a channel are added."""
    minus_zero(code, total, t)
    code.times(total, taps)


def add(code: Function, target: int, stride: int) -> None:
    """The correction of the pixel whose window was gathered: `target` is `stride` behind its last tap."""
    at, total, left, byte, t = [each for each in code.general if each not in (target, stride)][:5]
    code.copy(at, target)
    code.load(left, "taps")
    code.constant(total, 128)
    code.times(total, left)
    code.constant(t, 0)
    code.minus(total, t, total)
    code.label("add")
    code.minus(at, at, stride)
    code.load8(byte, at)
    code.load(t, "odd")
    code.branch_if(t, "==", None, "first", near=True)
    code.right(byte, byte, 7)  # what the sign of the first of a pair took from the second
    code.load8(t, at, 2)
    code.plus(byte, byte, t)
    code.label("first")
    code.increase(byte, -128)
    code.low_bits(byte, byte, 8)  # x + 128
    code.plus(total, total, byte)
    code.increase(left, -1)
    code.branch_if(left, "!=", None, "add", near=True)
    minus_zero(code, byte, t)
    code.times(total, byte)
    code.load(at, "corrections")
    code.load(t, "gathered")
    for _ in range(4):
        code.plus(at, at, t)
    code.store32(total, at)


def minus_zero(code: Function, register: int, t: int) -> None:
    """register = - z."""
    code.load(t, "record")
    code.word(t, "weight_offset", t)
    code.constant(register, 128)
    code.minus(register, register, t)
