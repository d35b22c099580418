# SPDX-License-Identifier: MIT
"""Layers computed with SIMD: where their weights, tables and inputs are, and the calls that compute them.

A description of a layer has what js/pack.js does once (`pack`, `plane`), after those calls of the compiled
kernels that write the layer's multipliers, shifts and biases, and the `calls` of each inference. The
functions are those of galago.native.kernels.wasm32.
"""

from typing import Any

from galago.native.kernels.wasm32.product import PIXELS
from galago.tflite.records import DEPTHWISE_CONV_2D, Record

_BLOCK = 8  # channels
_SLACK = 64  # bytes that a vector may read beyond the end


class Fast:
    """Places what layers need from the address `end` on; inputs of products share one place at its end."""

    def __init__(self, end: int, arena: int, model: int) -> None:
        self._end, self._arena, self._model = end, arena, model
        self._inputs = 0
        self._calls: list[list[Any]] = []

    def layer(self, record: Record) -> dict[str, Any]:
        """The description of one layer."""
        blocks = _up(record.out_c, _BLOCK) // _BLOCK
        depthwise = record.operator == DEPTHWISE_CONV_2D
        line = record.k_w * record.in_c
        padded = _up(line, _BLOCK)
        taps = record.k_h * (record.k_w if depthwise else padded)
        table = self._place(128 * blocks)
        weights = self._place(2 * taps * _BLOCK * blocks)
        pack = {
            "depthwise": int(depthwise),
            "weights": self._model + record.weights,
            "channels": record.out_c,
            "lines": record.k_h * record.k_w if depthwise else record.k_h,
            "line": 1 if depthwise else line,
            "padded": 1 if depthwise else padded,
            "zero": record.in_zero,
            "entries": self._arena + record.scratch,
            "target": weights,
            "table": table,
        }
        source, output = self._arena + record.input, self._arena + record.output
        ends = [record.out_zero, record.lowest, record.highest]
        described: dict[str, Any] = {"pack": pack}
        if not depthwise and _is_pointwise(record):
            pixels = record.in_h * record.in_w
            own = self._spread(source, pixels, record.in_c, padded)
        else:
            plane, size, spread, geometry = self._plane(record, source)
            described["plane"] = [plane, size, record.in_zero]
            own = [spread]
            if depthwise:
                name = f"depthwise_{record.k_h}x{record.k_w}"
                place = [plane, weights, table, output, record.out_h, record.out_w, blocks, record.out_c]
                return {**described, "calls": [*own, [name, *place, *geometry, *ends]]}
            pixels = record.out_h * record.out_w
            window = [record.out_h, record.out_w, record.k_h, padded // _BLOCK]
            own.append(["gather", plane, -1, *window, *geometry])
        groups = _up(pixels, PIXELS) // PIXELS
        self._inputs = max(self._inputs, 2 * taps * groups * PIXELS + _SLACK)
        own.append(["product", -1, weights, table, output, groups, blocks, taps // 2, record.out_c, *ends])
        self._calls += own
        return {**described, "calls": own}

    def place_inputs(self) -> int:
        """Completes the calls with the address of the shared inputs, so far -1; returns the end."""
        at = self._place(self._inputs)
        for call in self._calls:
            place = 1 if call[0] == "product" else 2
            if call[place] == -1:
                call[place] = at
        return self._end

    def _place(self, size: int) -> int:
        at, self._end = self._end, _up(self._end + size, 16)
        return at

    def _spread(self, source: int, pixels: int, depth: int, padded: int) -> list[list[Any]]:
        """The input of a product of single pixels, each padded to whole vectors."""
        if depth == padded:
            return [["spread", source, -1, 1, pixels * depth, 0, 0]]
        return [["spread", source, -1, pixels, depth, depth, 2 * padded]]

    def _plane(self, record: Record, source: int) -> tuple[int, int, list[Any], list[int]]:
        """Place and size of the padded input, the call that fills it, and its steps from window to window."""
        depth = record.in_c
        height = (record.out_h - 1) * record.s_h + record.k_h
        width = (record.out_w - 1) * record.s_w + record.k_w
        rows, columns = min(record.in_h, height - record.p_t), min(record.in_w, width - record.p_l)
        size = height * width * depth
        plane = self._place(2 * size + _SLACK)
        inside = plane + 2 * depth * (record.p_t * width + record.p_l)
        spread = ["spread", source, inside, rows, columns * depth, record.in_w * depth, 2 * depth * width]
        back = width * record.s_h - record.out_w * record.s_w
        return plane, size, spread, [2 * depth * width, 2 * depth * record.s_w, 2 * depth * back]


def _is_pointwise(record: Record) -> bool:
    return record.k_h == record.k_w == record.s_h == record.s_w == 1 and not record.p_t and not record.p_l


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
