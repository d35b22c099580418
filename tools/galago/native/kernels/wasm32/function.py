# SPDX-License-Identifier: MIT
"""What the SIMD kernels of WebAssembly share: named parameters, counted loops, the requantization."""

import struct
from collections.abc import Generator
from contextlib import contextmanager

from galago.native.assemblers.wasm32 import V128, Wasm32

ENTRY = 64
"""Bytes of the table for 4 channels: biases, multipliers, 2**(30 - shift), and -1 where it shifts."""
_HALVES = ("low", "high")
_LOW_WORDS = bytes([0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])


class Kernel(Wasm32):
    """A function whose parameters and locals have names."""

    def __init__(self, *parameters: str) -> None:
        super().__init__(len(parameters))
        self._names = {name: number for number, name in enumerate(parameters)}

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names[name] = self.local()
        return self._names[name]

    def vectors(self, *names: str) -> None:
        """Makes locals of 128 bits."""
        for name in names:
            self._names[name] = self.local(V128)

    def get(self, name: str) -> None:
        """Pushes a local."""
        self.local_get(self._number(name))

    def set(self, name: str) -> None:
        """Pops into a local, which is new if the name is."""
        self.local_set(self._number(name))

    def tee(self, name: str) -> None:
        """Copies the top of the stack to a local."""
        self.local_tee(self._number(name))

    def copy(self, target: str, source: str) -> None:
        """target = source."""
        self.get(source)
        self.set(target)

    def add(self, target: str, number: int | str) -> None:
        """target += a number or a local."""
        self.get(target)
        self.operand(number)
        self.op("i32.add")
        self.set(target)

    def operand(self, number: int | str) -> None:
        """Pushes a number or a local."""
        if isinstance(number, str):
            self.get(number)
        else:
            self.i32_const(number)

    def compute(self, target: str, op: str, left: int | str, right: int | str) -> None:
        """target = left op right, of i32."""
        self.operand(left)
        self.operand(right)
        self.op(f"i32.{op}")
        self.set(target)

    @contextmanager
    def times(self, counter: str, count: str) -> Generator[None]:
        """with code.times("rows left", "rows"): … does something as often as a local says, which may be 0."""
        self.copy(counter, count)
        self.block()
        self.get(counter)
        self.op("i32.eqz")
        self.br_if(0)
        self.loop()
        yield
        self.get(counter)
        self.i32_const(1)
        self.op("i32.sub")
        self.tee(counter)
        self.br_if(0)
        self.op("end")
        self.op("end")

    def constants(self) -> None:
        """Vectors that `requantize` uses, of the parameters zero, lowest and highest; the half of 2**31."""
        self.vectors("zeros", "least", "most", "half")
        for name, vector, op in (
            ("zero", "zeros", "i32x4.splat"),
            ("lowest", "least", "i8x16.splat"),
            ("highest", "most", "i8x16.splat"),
        ):
            self.get(name)
            self.op(op)
            self.set(vector)
        self.get("zeros")  # 2 * zero + 1, so that one shift adds the zero point and rounds
        self.get("zeros")
        self.op("i32x4.add")
        self.v128_const(struct.pack("<4i", 1, 1, 1, 1))
        self.op("i32x4.add")
        self.set("zeros")
        self.v128_const(struct.pack("<2q", 1 << 30, 1 << 30))
        self.set("half")

    def requantize(self, sums: str, offset: int) -> None:
        """Makes four sums outputs, not yet clamped, with the table's entry at local `table` + offset.

        Both roundings are those of TensorFlow Lite Micro: (sum * multiplier + 2**30) >> 31, then a shift to
        the right with ties away from zero: ((v + (v >> 31)) >> (right - 1)) + 1 >> 1. Here it is a product
        with 2**(30 - right), shifted right by 29; without a shift, v * 2. Uses the local `v`.
        """
        for half in _HALVES:
            self.get(sums)
            self.get("table")
            self.op("v128.load", offset + 16)
            self.op(f"i64x2.extmul_{half}_i32x4_s")
            self.get("half")
            self.op("i64x2.add")
            self.i32_const(31)
            self.op("i64x2.shr_s")
        self.shuffle(_LOW_WORDS)
        self.tee("v")
        self.get("v")
        self.i32_const(31)
        self.op("i32x4.shr_s")
        self.get("table")
        self.op("v128.load", offset + 48)
        self.op("v128.and")
        self.op("i32x4.add")
        self.set("v")
        for half in _HALVES:
            self.get("v")
            self.get("table")
            self.op("v128.load", offset + 32)
            self.op(f"i64x2.extmul_{half}_i32x4_s")
            self.i32_const(29)
            self.op("i64x2.shr_s")
        self.shuffle(_LOW_WORDS)
        self.get("zeros")
        self.op("i32x4.add")
        self.i32_const(1)
        self.op("i32x4.shr_s")
        self.set(sums)

    def store(self, first: str, second: str, address: str) -> None:
        """Clamps eight outputs and stores them as int8."""
        self.get(address)
        self.get(first)
        self.get(second)
        self.op("i16x8.narrow_i32x4_s")
        self.tee("v")
        self.get("v")
        self.op("i8x16.narrow_i16x8_s")
        self.get("least")
        self.op("i8x16.max_s")
        self.get("most")
        self.op("i8x16.min_s")
        self.store64_lane(0, 0)
