# SPDX-License-Identifier: MIT
"""The arithmetic of resize.py: takes one row of a picture after the other, writes rows of the input.

The state is an array('i'). A span is the pixels that a pixel of the input is made of: the first, the last,
and the weights of these two. Those between them have the weight UNIT, and all weights together are TOTAL.
"""

from array import array

import micropython
from micropython import const

from . import compiled

WIDE = const(0)  # pixels of a row of the input that the picture fills
PLANES = const(1)  # bytes of a pixel that are resized: 3, or 1 if the picture is grey
STEP = const(2)  # bytes of a pixel
UNIT = const(3)
TOTAL = const(4)
ROW_UNIT = const(5)  # the same for columns; 0 if the picture is enlarged
ROW_TOTAL = const(6)
ROW_START = const(7)  # where the window starts in its first row, in units
SOURCE = const(8)  # rows of the window, of the picture's own size
ROWS = const(9)  # rows of the window that arrive
HIGH = const(10)  # rows of the input to write
ARRIVED = const(11)
MADE = const(12)  # rows of the input written
AT = const(13)  # where the next one begins
STRIDE = const(14)  # bytes from one to the next: negative if the last one comes first
FIRST = const(15)  # the span of the next row
LAST = const(16)
HEAD = const(17)
TAIL = const(18)
RED = const(19)  # the plane of the red samples: 0, or 2 if blue comes first
GREY = const(20)  # whether the input has one channel
NEXT = const(21)  # from one pixel of the input to the next, as STRIDE
STATE = const(22)  # words


def new_state():
    """Returns the state of no picture."""
    return array("i", bytes(4 * STATE))


@micropython.viper
def span(source: int, target: int, unit: int, start: int, rows: int, index: int, into: ptr32, at: int):
    """Writes the span of pixel `index` of `target` along one axis; docs/pictures.md has the formula.

    `unit` is 0 if the axis is enlarged; it then has `rows` pixels.
    """
    if unit:  # area: a pixel is `unit` long and a pixel of the input `source`
        begin = start + index * source
        end = begin + source
        first = begin // unit
        last = (end - 1) // unit
        head = source
        tail = 0
        if last > first:
            head = (first + 1) * unit - begin
            tail = end - last * unit
    else:  # linear between the two nearest pixel centres, constant beyond the outermost
        centre = (2 * index + 1) * rows - target
        most = 2 * target * (rows - 1)
        if centre > most:
            centre = most
        if centre < 0:
            centre = 0
        first = centre // (2 * target)
        tail = centre - first * 2 * target
        head = 2 * target - tail
        last = first
        if last < rows - 1:
            last += 1
    into[at] = first
    into[at + 1] = last
    into[at + 2] = head
    into[at + 3] = tail


@micropython.viper
def column_spans(source: int, target: int, unit: int, start: int, columns: int, into: ptr32):
    """Writes the spans of all pixels of a row of the input."""
    i = 0
    while i < target:
        span(source, target, unit, start, columns, i, into, 4 * i)
        i += 1


@micropython.viper
def _resize_row(
    row: ptr8, spans: ptr32, out: ptr32, wide: int, planes: int, step: int, unit: int, total: int
):
    # out[plane · wide + x] = the weighted mean of a span, in 1/256. The largest sum has 30 bits: the masks
    # change nothing, but tell the compiler that no number is negative.
    half = total >> 1
    total = total & 0x7FFF
    end = wide << 2
    i = 0
    while i < end:
        p = int(spans[i]) * step
        last = int(spans[i + 1]) * step
        head = int(spans[i + 2])
        tail = int(spans[i + 3])
        if planes == 1:
            sum0 = int(row[p]) * head + int(row[last]) * tail
            p += step
            while p < last:
                sum0 += int(row[p]) * unit
                p += step
            out[i >> 2] = (((sum0 << 8) + half) & 0x3FFFFFFF) // total
        else:
            sum0 = int(row[p]) * head + int(row[last]) * tail
            sum1 = int(row[p + 1]) * head + int(row[last + 1]) * tail
            sum2 = int(row[p + 2]) * head + int(row[last + 2]) * tail
            p += step
            while p < last:
                sum0 += int(row[p]) * unit
                sum1 += int(row[p + 1]) * unit
                sum2 += int(row[p + 2]) * unit
                p += step
            x = i >> 2
            out[x] = (((sum0 << 8) + half) & 0x3FFFFFFF) // total
            x += wide
            out[x] = (((sum1 << 8) + half) & 0x3FFFFFFF) // total
            out[x + wide] = (((sum2 << 8) + half) & 0x3FFFFFFF) // total
        i += 4


@micropython.viper
def _scale(sums: ptr32, row: ptr32, size: int, weight: int):
    i = 0
    while i < size:
        sums[i] = row[i] * weight
        i += 1


@micropython.viper
def _add(sums: ptr32, row: ptr32, size: int, weight: int):
    i = 0
    while i < size:
        sums[i] = sums[i] + row[i] * weight
        i += 1


@micropython.viper
def _quantize(sums: ptr32, tensor: ptr8, at: int, step: int, wide: int, total: int, red: int, grey: int):
    # Divides the sums and writes a row as int8 = pixel - 128, which as a byte is pixel ^ 128. Its pixels are
    # `step` bytes apart: a picture that is turned upright has its rows written as columns. `red` and
    # `2 * wide - red` are where red and blue begin. Bit 1 of `grey` is set if the picture is grey, bit 0 if
    # the input has one channel.
    divisor = (total << 8) & 0x7FFFFF
    half = total << 7
    i = 0
    while i < wide:
        if grey & 2:
            r = ((int(sums[i]) + half) & 0x3FFFFFFF) // divisor
            g = r
            b = r
        else:
            r = ((int(sums[red + i]) + half) & 0x3FFFFFFF) // divisor
            g = ((int(sums[wide + i]) + half) & 0x3FFFFFFF) // divisor
            b = ((int(sums[2 * wide - red + i]) + half) & 0x3FFFFFFF) // divisor
        if grey & 1:  # ITU-R 601 luma in 1/65536, as Pillow computes "L"
            tensor[at] = ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) ^ 128
        else:
            tensor[at] = r ^ 128
            tensor[at + 1] = g ^ 128
            tensor[at + 2] = b ^ 128
        at = (at + step) & 0x3FFFFFFF  # where words have 64 bits, a negative step is read as a large one
        i += 1


@micropython.viper
def push(
    state: ptr32,
    rows: ptr8,
    at: int,
    stride: int,
    count: int,
    spans: ptr32,
    current: ptr32,
    previous: ptr32,
    sums: ptr32,
    tensor: ptr8,
):
    """Takes the next `count` rows of the window; writes the rows of the input that they complete.

    `current` and `previous` take turns: they hold the row at hand and the one before it, resized. `sums`
    holds the next row of the input.
    """
    wide = int(state[WIDE])
    planes = int(state[PLANES])
    size = wide * planes
    unit = int(state[ROW_UNIT])
    while count > 0:
        count -= 1
        row = ptr8(int(rows) + at)
        at += stride
        _resize_row(row, spans, current, wide, planes, int(state[STEP]), int(state[UNIT]), int(state[TOTAL]))
        y = int(state[ARRIVED])
        state[ARRIVED] = y + 1
        while int(state[MADE]) < int(state[HIGH]):
            first = int(state[FIRST])
            last = int(state[LAST])
            if y < first:
                break
            source = current
            begins = y == first
            if unit == 0 and y == last and last > first:  # a row that was `current` may begin several sums
                source = previous
                begins = True
            if begins:
                _scale(sums, source, size, int(state[HEAD]))
            if y > first:
                weight = unit
                if y == last:
                    weight = int(state[TAIL])
                _add(sums, current, size, weight)
            if y < last:
                break
            red = int(state[RED]) * wide
            total = int(state[ROW_TOTAL])
            _quantize(sums, tensor, int(state[AT]), int(state[NEXT]), wide, total, red, int(state[GREY]))
            state[AT] = int(state[AT]) + int(state[STRIDE])
            made = int(state[MADE]) + 1
            state[MADE] = made
            high = int(state[HIGH])
            span(int(state[SOURCE]), high, unit, int(state[ROW_START]), int(state[ROWS]), made, state, FIRST)
        other = current
        current = previous
        previous = other


@micropython.viper
def fill_zero(tensor: ptr8, size: int):
    """Makes `size` bytes 0."""
    i = 0
    while i < size:
        tensor[i] = 0
        i += 1


compiled.replace(globals(), inlined=("_resize_row", "_scale", "_add", "_quantize"))
