# SPDX-License-Identifier: MIT
"""The instructions that all scalar instruction sets have, under common names, and a function's frame."""

from abc import abstractmethod

from galago.native.assemblers.base import Assembler
from galago.native.kernels import ARENA, CHANNEL, FIRST, LAST, RECORD, STOP, WEIGHTS
from galago.tflite.records import Record

ITEMS_BY_NAME = {
    "record": RECORD,
    "arena": ARENA,
    "weights": WEIGHTS,
    "first": FIRST,
    "last": LAST,
    "channel": CHANNEL,
    "stop": STOP,
}


class Function(Assembler):
    """A kernel under construction. Its frame has the items of the call and local words, all by name.

    `general` are eight registers that all instructions here can use. A branch is `near` if the label is
    within about 100 bytes.
    """

    general: tuple[int, ...]
    doubled = False
    """Whether the prepared table holds multipliers times two."""
    keeps_sums = False
    """Whether depthwise functions put the sums of a row into scratch before they round them."""

    def __init__(self, *local: str) -> None:
        super().__init__()
        names = [*ITEMS_BY_NAME, *local]
        self._frame = {name: 4 * i for i, name in enumerate(names)}
        if len(self._frame) < len(names):
            raise ValueError(f"expected each word of a frame once, got {', '.join(sorted(names))}")

    @abstractmethod
    def enter(self) -> None:
        """Saves registers and copies the items of the call into the frame."""

    @abstractmethod
    def leave(self) -> None:
        """Restores registers and returns."""

    @abstractmethod
    def load(self, register: int, name: str) -> None:
        """Loads a word of the frame."""

    @abstractmethod
    def store(self, register: int, name: str) -> None:
        """Stores a word in the frame."""

    @abstractmethod
    def load32(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a word, 0 … 124 bytes from the base."""

    @abstractmethod
    def store32(self, register: int, base: int, offset: int = 0) -> None:
        """Stores a word, 0 … 124 bytes from the base."""

    @abstractmethod
    def load16(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned half word, 0 … 62 bytes from the base."""

    @abstractmethod
    def store16(self, register: int, base: int, offset: int = 0) -> None:
        """Stores the lower half of a register, 0 … 62 bytes from the base."""

    @abstractmethod
    def load8(self, register: int, base: int, offset: int = 0) -> None:
        """Loads an unsigned byte, 0 … 31 bytes from the base."""

    @abstractmethod
    def load8s(self, register: int, base: int, offset: int = 0) -> None:
        """Loads a signed byte, 0 … 31 bytes from the base."""

    @abstractmethod
    def store8(self, register: int, base: int, offset: int = 0) -> None:
        """Stores the lowest byte, 0 … 31 bytes from the base."""

    @abstractmethod
    def constant(self, register: int, value: int) -> None:
        """Loads 0 … 255."""

    @abstractmethod
    def copy(self, to: int, source: int) -> None:
        """Copies a register."""

    @abstractmethod
    def plus(self, to: int, a: int, b: int) -> None:
        """a + b."""

    @abstractmethod
    def minus(self, to: int, a: int, b: int) -> None:
        """a - b."""

    @abstractmethod
    def increase(self, register: int, number: int) -> None:
        """Adds a number, -128 … 127."""

    @abstractmethod
    def times(self, register: int, factor: int) -> None:
        """Multiplies a register with another."""

    @abstractmethod
    def low_bits(self, to: int, source: int, bits: int) -> None:
        """The lowest bits of a register."""

    @abstractmethod
    def left(self, to: int, source: int, count: int) -> None:
        """Shifts left."""

    @abstractmethod
    def right(self, to: int, source: int, count: int) -> None:
        """Shifts right, zeros coming in."""

    @abstractmethod
    def divide(self, register: int, by: int) -> None:
        """Divides an unsigned register, with less than 256 as the result."""

    @abstractmethod
    def modulo(self, register: int, by: int) -> None:
        """The remainder of a register, which is not negative."""

    @abstractmethod
    def branch_if(self, a: int, condition: str, b: int | None, label: str, near: bool = False) -> None:
        """Goes to a label if a is ==, !=, <, >= b or, unsigned, <u b. No b is 0, and not with <u."""

    @abstractmethod
    def jump(self, label: str) -> None:
        """Goes to a label."""

    def word(self, register: int, name: str, record: int) -> None:
        """Loads a word of the layer's record, whose address is in `record`."""
        self.load32(register, record, 4 * Record.word(name))

    def move(self, to: str, source: str, register: int) -> None:
        """Copies a word of the frame."""
        self.load(register, source)
        self.store(register, to)

    def advance(self, name: str, number: int, register: int) -> None:
        """Adds a number to a word of the frame, which is then in the register too."""
        self.load(register, name)
        self.increase(register, number)
        self.store(register, name)
