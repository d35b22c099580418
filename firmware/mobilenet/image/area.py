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
STEP = const(2)  # bytes of a pixel; 2 is RGB565
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
RED = const(19)  # the channel that is red: 0, or 2 if blue comes first
GREY = const(20)  # whether the input has one channel
NEXT = const(21)  # from one pixel of the input to the next, as STRIDE
LOW = const(22)  # of the two bytes of an RGB565 pixel, the index of the low one
STATE = const(23)  # words


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
def column_spans(source: int, target: int, unit: int, start: int, columns: int, step: int, into: ptr32):
    """Writes the spans of all pixels of a row of the input, in bytes and with weights in 1/256."""
    end = 4 * target
    at = 0
    while at < end:
        span(source, target, unit, start, columns, at >> 2, into, at)
        into[at] = int(into[at]) * step
        into[at + 1] = int(into[at + 1]) * step
        into[at + 2] = int(into[at + 2]) << 8
        into[at + 3] = int(into[at + 3]) << 8
        at += 4


@micropython.viper
def _resize_grey(row: ptr8, spans: ptr32, out: ptr32, wide: int, unit: int, total: int):
    # out[x] = the weighted mean of a span, in 1/256. The largest sum has 30 bits: the masks change nothing,
    # but tell the compiler that no number is negative.
    half = total >> 1
    total = total & 0x7FFF
    end = wide << 2
    i = 0
    while i < end:
        p = int(spans[i])
        last = int(spans[i + 1])
        total0 = half + int(row[p]) * int(spans[i + 2]) + int(row[last]) * int(spans[i + 3])
        p += 1
        while p < last:
            total0 += int(row[p]) * unit
            p += 1
        out[i >> 2] = (total0 & 0x3FFFFFFF) // total
        i += 4


@micropython.viper
def _resize_rgb(row: ptr8, spans: ptr32, out: ptr32, wide: int, step: int, unit: int, total: int):
    # The same for pixels of three channels: out[3 * x + channel].
    half = total >> 1
    total = total & 0x7FFF
    end = wide << 2
    i = 0
    while i < end:
        p = int(spans[i])
        last = int(spans[i + 1])
        weight = int(spans[i + 2])
        sum0 = half + int(row[p]) * weight
        sum1 = half + int(row[p + 1]) * weight
        sum2 = half + int(row[p + 2]) * weight
        weight = int(spans[i + 3])
        sum0 += int(row[last]) * weight
        sum1 += int(row[last + 1]) * weight
        sum2 += int(row[last + 2]) * weight
        p += step
        while p < last:
            sum0 += int(row[p]) * unit
            sum1 += int(row[p + 1]) * unit
            sum2 += int(row[p + 2]) * unit
            p += step
        x = i - (i >> 2)
        out[x] = (sum0 & 0x3FFFFFFF) // total
        out[x + 1] = (sum1 & 0x3FFFFFFF) // total
        out[x + 2] = (sum2 & 0x3FFFFFFF) // total
        i += 4


@micropython.viper
def _resize_565(row: ptr8, spans: ptr32, out: ptr32, wide: int, low: int, unit: int, total: int):
    # The same for RGB565, whose 31 and 63 are 255; `low` is the index of a pixel's low byte. Of a span the
    # first pixel is taken, then those between, then the last.
    half = total >> 1
    total = total & 0x7FFF
    end = wide << 2
    row_low = ptr8(int(row) + low)
    row_high = ptr8(int(row) + (low ^ 1))
    i = 0
    while i < end:
        p = int(spans[i])
        last = int(spans[i + 1])
        weight = int(spans[i + 2])
        sum0 = half
        sum1 = half
        sum2 = half
        while p < last:
            high = int(row_high[p])
            value = int(row_low[p])
            green = (high & 7) << 3 | value >> 5
            value &= 31
            sum0 += (high & 0xF8 | high >> 5) * weight
            sum1 += (green << 2 | green >> 4) * weight
            sum2 += (value << 3 | value >> 2) * weight
            p += 2
            weight = unit
        if int(spans[i]) < last:
            weight = int(spans[i + 3])
        high = int(row_high[p])
        value = int(row_low[p])
        green = (high & 7) << 3 | value >> 5
        value &= 31
        sum0 += (high & 0xF8 | high >> 5) * weight
        sum1 += (green << 2 | green >> 4) * weight
        sum2 += (value << 3 | value >> 2) * weight
        x = i - (i >> 2)
        out[x] = (sum0 & 0x3FFFFFFF) // total
        out[x + 1] = (sum1 & 0x3FFFFFFF) // total
        out[x + 2] = (sum2 & 0x3FFFFFFF) // total
        i += 4


@micropython.viper
def _begin(sums: ptr32, before: ptr32, head: int, row: ptr32, weight: int, size: int):
    # Buffers have room for three channels: grey rows may be written two words beyond `size`.
    i = 0
    while i < size:
        sums[i] = before[i] * head + row[i] * weight
        sums[i + 1] = before[i + 1] * head + row[i + 1] * weight
        sums[i + 2] = before[i + 2] * head + row[i + 2] * weight
        i += 3


@micropython.viper
def _add(sums: ptr32, row: ptr32, size: int, weight: int):
    i = 0
    while i < size:
        sums[i] = sums[i] + row[i] * weight
        sums[i + 1] = sums[i + 1] + row[i + 1] * weight
        sums[i + 2] = sums[i + 2] + row[i + 2] * weight
        i += 3


@micropython.viper
def _quantize(
    sums: ptr32,
    head: int,
    row: ptr32,
    tail: int,
    tensor: ptr8,
    at: int,
    step: int,
    wide: int,
    total: int,
    red: int,
    grey: int,
):
    # Adds the last row to the sums, divides, and writes a row as int8 = pixel - 128: as a byte, pixel ^ 128.
    # Its pixels are `step` bytes apart: a picture that is turned upright has its rows written as columns.
    # `red` and `2 - red` are where red and blue are. Bit 1 of `grey` is set if the picture is grey, bit 0
    # if the input has one channel.
    divisor = (total << 8) & 0x7FFFFF
    half = total << 7
    p = 0
    end = wide
    if grey & 2 == 0:
        end = 3 * wide
    first = ptr8(int(tensor) + red)
    third = ptr8(int(tensor) + (2 - red))
    while p < end:
        r = ((half + int(sums[p]) * head + int(row[p]) * tail) & 0x3FFFFFFF) // divisor
        if grey & 2:
            g = r
            b = r
            p += 1
        else:
            g = ((half + int(sums[p + 1]) * head + int(row[p + 1]) * tail) & 0x3FFFFFFF) // divisor
            b = ((half + int(sums[p + 2]) * head + int(row[p + 2]) * tail) & 0x3FFFFFFF) // divisor
            p += 3
        if grey & 1:  # ITU-R 601 luma in 1/65536, as Pillow computes "L"
            luma = 7471 * r + 38470 * g + 19595 * b if red else 19595 * r + 38470 * g + 7471 * b
            tensor[at] = ((luma + 0x8000) >> 16) ^ 128
        else:
            first[at] = r ^ 128
            tensor[at + 1] = g ^ 128
            third[at] = b ^ 128
        at = (at + step) & 0x3FFFFFFF  # where words have 64 bits, a negative step is read as a large one


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
    step = int(state[STEP])
    across = int(state[UNIT]) << 8
    total = int(state[TOTAL])
    unit = int(state[ROW_UNIT])
    while count > 0:
        count -= 1
        row = ptr8(int(rows) + at)
        at += stride
        if planes == 1:
            _resize_grey(row, spans, current, wide, across, total)
        elif step == 2:
            _resize_565(row, spans, current, wide, int(state[LOW]), across, total)
        else:
            _resize_rgb(row, spans, current, wide, step, across, total)
        y = int(state[ARRIVED])
        state[ARRIVED] = y + 1
        while int(state[MADE]) < int(state[HIGH]):
            first = int(state[FIRST])
            last = int(state[LAST])
            if y < first:
                break
            head = int(state[HEAD])
            if y < last:
                if y == first + 1:
                    _begin(sums, previous, head, current, unit, size)
                elif y > first:
                    _add(sums, current, size, unit)
                break
            source = previous  # a row may begin several sums
            tail = int(state[TAIL])
            if y == first:
                source = current
                tail = 0
            elif y > first + 1:
                source = sums
                head = 1
            at_row = int(state[AT])
            _quantize(
                source,
                head,
                current,
                tail,
                tensor,
                at_row,
                int(state[NEXT]),
                wide,
                int(state[ROW_TOTAL]),
                int(state[RED]),
                int(state[GREY]),
            )
            state[AT] = at_row + int(state[STRIDE])
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


compiled.replace(
    globals(), inlined=("_resize_grey", "_resize_rgb", "_resize_565", "_begin", "_add", "_quantize")
)
