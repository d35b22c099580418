# SPDX-License-Identifier: MIT
"""The KPU's arithmetic and memory layout against plain loops over pixels."""

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.targets.k210 import kpu_arithmetic, kpu_ram
from galago.targets.k210.kpu_conv import KpuConv, derived
from galago.targets.k210.registers import ActivationTable, BatchNorm, Registers


def random_layer(
    rng: np.random.Generator, kernel: int, depthwise: bool, pool: int, side: tuple[int, int], identities: bool
) -> KpuConv:
    """Returns a layer with random content; its zero point terms are as compilers make them, or random."""
    inputs = int(rng.integers(1, 6))
    outputs = inputs if depthwise else int(rng.integers(1, 6))
    registers = Registers(
        depth_wise_layer=int(depthwise),
        i_ch_num=inputs,
        o_ch_num=outputs,
        i_col_high=side[0],
        i_row_wid=side[1],
        kernel_type=int(kernel == 3),
        pool_type=pool,
        pad_value=int(rng.integers(0, 256)),
        arg_x=-128 << 15 if identities else int(rng.integers(-1 << 14, 1 << 14)),
        arg_w=-77 << 15 if identities else int(rng.integers(-1 << 14, 1 << 14)),
        shr_x=15 if identities else int(rng.integers(0, 16)),
        shr_w=15 if identities else int(rng.integers(0, 16)),
        arg_add=int(rng.integers(-1 << 20, 1 << 20)),
    )
    for name, value in derived(registers).items():
        setattr(registers, name, value)
    starts = np.sort(rng.integers(-1 << 22, 1 << 22, 16))
    starts[0] = -(1 << 35)
    return KpuConv(
        registers=registers,
        weights=rng.integers(0, 256, registers.weights_shape).astype(np.uint8),
        batch_norm=BatchNorm(
            rng.integers(-1 << 12, 1 << 12, outputs),
            rng.integers(-1 << 21, 1 << 21, outputs),
            rng.integers(0, 16, outputs),
        ),
        activation=ActivationTable(
            starts,
            rng.choice([1024, 63, -300, 7], 16),
            rng.integers(0, 21, 16),
            rng.integers(0, 256, 16),
        ),
    )


def straightforward(conv: KpuConv, x: np.ndarray, rounding: str) -> np.ndarray:
    """Computes a layer pixel by pixel in Python's integers."""
    r, reach = conv.registers, conv.registers.kernel // 2
    inputs, height, width = x.shape
    full = np.zeros((r.o_ch_num, height, width), np.uint8)
    for o in range(r.o_ch_num):
        seen = [o] if r.depth_wise_layer else range(inputs)
        for row in range(height):
            for column in range(width):
                products = sum_x = sum_w = 0
                for number, i in enumerate(seen):
                    for dy in range(-reach, reach + 1):
                        for dx in range(-reach, reach + 1):
                            inside = 0 <= row + dy < height and 0 <= column + dx < width
                            pixel = int(x[i, row + dy, column + dx]) if inside else r.pad_value
                            weight = int(conv.weights[o, number, dy + reach, dx + reach])
                            products, sum_x, sum_w = products + pixel * weight, sum_x + pixel, sum_w + weight
                total = products + ((r.arg_x * sum_x) >> r.shr_x) + ((r.arg_w * sum_w) >> r.shr_w)
                total += r.arg_add * len(seen)
                value = ((total * int(conv.batch_norm.mul[o])) >> int(conv.batch_norm.shift[o])) + int(
                    conv.batch_norm.add[o]
                )
                full[o, row, column] = activated(conv.activation, value, rounding)
    return pooled(full, r.pool_type)


def activated(table: ActivationTable, value: int, rounding: str) -> int:
    segment = 0
    for i, start in enumerate(table.start):
        if (value >= start) if rounding == "up" else (value > start):
            segment = i
    product = (value - int(table.start[segment])) * int(table.mul[segment])
    shift = int(table.shift[segment])
    if shift == 0:
        quotient = product
    elif rounding == "up":
        kept = product >> (shift - 1)
        quotient = (kept + 1) // 2 if product >= 0 else kept // 2 - kept % 2
    else:
        quotient, rest = divmod(product, 1 << shift)
        twice = 2 * rest
        if twice > 1 << shift or (twice == 1 << shift and quotient % 2):
            quotient += 1 if product >= 0 else -1
    return min(255, max(0, quotient + int(table.bias[segment])))


def pooled(full: np.ndarray, pool: int) -> np.ndarray:
    channels, height, width = full.shape
    size, step = {0: (1, 1), 1: (2, 2), 2: (2, 2), 3: (4, 4), 4: (4, 4)}.get(pool, (2, 2))
    step = {7: 4, 8: 1, 9: 1}.get(pool, step)
    out = np.zeros((channels, height // step, width // step), np.uint8)
    for c, row, column in np.ndindex(out.shape):
        top, left = row * step, column * step
        if pool in (5, 6, 7):
            out[c, row, column] = full[c, top, left + (pool == 6)]
            continue
        rows, columns = range(top, top + size), range(left, left + size)
        if pool == 8:  # the edge is repeated
            window = [int(full[c, min(i, height - 1), min(j, width - 1)]) for i in rows for j in columns]
        else:
            window = [int(full[c, i, j]) for i in rows for j in columns if i < height and j < width]
        out[c, row, column] = sum(window) // len(window) if pool in (2, 4, 8) else max(window)
    return out


CASES = [(1, False, pool) for pool in range(10)] + [(3, False, pool) for pool in range(10)] + [(3, True, 0)]


@pytest.mark.parametrize("rounding", kpu_arithmetic.ROUNDINGS)
@pytest.mark.parametrize(("kernel", "depthwise", "pool"), CASES)
def test_a_layer_equals_plain_loops(
    kernel: int, depthwise: bool, pool: int, rounding: kpu_arithmetic.Rounding
) -> None:
    rng = np.random.default_rng([kernel, depthwise, pool])
    for side, identities in (((8, 5), True), ((5, 9), False)):
        conv = random_layer(rng, kernel, depthwise, pool, side, identities)
        x = rng.integers(0, 256, (conv.registers.i_ch_num, *side)).astype(np.uint8)
        assert np.array_equal(kpu_arithmetic.run(conv, x, rounding), straightforward(conv, x, rounding))


@pytest.mark.parametrize("rounding", kpu_arithmetic.ROUNDINGS)
def test_halves_and_starts_follow_the_rule(rounding: kpu_arithmetic.Rounding) -> None:
    """An identity layer with the table V / 2 and a step at V = 8, where the two rules differ."""
    table = ActivationTable(
        np.array([-(1 << 35), 0, 8, *range(1 << 34, (1 << 34) + 13)]),
        np.array([0, 1, 1, *[0] * 13]),
        np.array([0, 1, 1, *[0] * 13]),
        np.array([0, 0, 100, *[0] * 13]),
    )
    values = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    registers = Registers(i_col_high=3, i_row_wid=4)
    norms = BatchNorm(np.array([1]), np.array([0]), np.array([0]))
    conv = KpuConv(
        registers=registers, weights=np.ones((1, 1, 1, 1), np.uint8), batch_norm=norms, activation=table
    )
    up = [0, 1, 1, 2, 2, 3, 3, 4, 100, 101, 101, 102]
    even = [0, 0, 1, 2, 2, 2, 3, 4, 4, 100, 101, 102]
    assert kpu_arithmetic.run(conv, values, rounding).ravel().tolist() == (up if rounding == "up" else even)


def test_sums_beyond_36_bits_are_refused() -> None:
    registers = Registers(i_ch_num=1024, i_col_high=4, i_row_wid=4, arg_add=1 << 38)
    conv = KpuConv(registers=registers, weights=np.ones((1, 1024, 1, 1), np.uint8))
    with pytest.raises(GalagoError, match="36 bits") as caught:
        kpu_arithmetic.run(conv, np.zeros((1024, 4, 4), np.uint8))
    assert caught.value.code == "model.range"


@pytest.mark.parametrize("width", [1, 4, 16, 17, 32, 33, 64, 65, 224])
@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_maps_are_laid_out_by_the_formula(width: int, channels: int) -> None:
    rng = np.random.default_rng(width)
    height, line = 3, 5
    values = rng.integers(1, 256, (channels, height, width)).astype(np.uint8)
    ram = np.zeros(kpu_ram.RAM_BYTES, np.uint8)
    layout = kpu_ram.MapLayout(line, channels, height, width)
    kpu_ram.store(ram, layout, values)
    shared, rows, pitch = (
        (4, 1, 16) if width <= 16 else (2, 1, 32) if width <= 32 else (1, -(-width // 64), 64)
    )
    for c, y, x in np.ndindex(values.shape):
        address = 64 * line + c // shared * rows * height * 64 + c % shared * pitch + y * rows * 64 + x
        assert ram[address] == values[c, y, x]
    assert np.count_nonzero(ram) == values.size
    assert not ram[layout.end * 64 :].any()
    assert np.array_equal(kpu_ram.fetch(ram, layout), values)
