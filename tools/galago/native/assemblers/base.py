# SPDX-License-Identifier: MIT
"""The base of all assemblers: bytes, labels, and branches that are completed once all labels are known.

    code = Rv32()                     # an assembler of one instruction set; its methods are mnemonics
    code.label("loop")
    code.addi(n, n, -1)
    code.bnez(n, "loop")
    code.finish()                     # bytes

An operand that an instruction cannot hold is GalagoError native.operand, a label that is missing or out of
reach native.label. Both mean a mistake in a kernel's generator, never in a model.
"""

from collections.abc import Callable

from galago.errors import GalagoError


class Assembler:
    """Machine code under construction."""

    alignment = 1  # of instructions

    def __init__(self) -> None:
        self.code: bytearray = bytearray()
        self._labels: dict[str, int] = {}
        self._branches: list[tuple[int, str, Callable[[int], bytes]]] = []
        self._fresh = 0

    @property
    def here(self) -> int:
        """The number of bytes written so far."""
        return len(self.code)

    def label(self, name: str) -> None:
        """Gives the current position a name."""
        if name in self._labels:
            raise GalagoError("native.label", f"label {name} already exists: use another name")
        self._labels[name] = self.here

    def offset(self, name: str) -> int:
        """The position of a label, in bytes."""
        if name not in self._labels:
            raise GalagoError("native.label", f"no label {name}: define it first")
        return self._labels[name]

    def fresh(self, name: str) -> str:
        """A label name that is not in use, for code that may be emitted several times."""
        self._fresh += 1
        return f"{name}.{self._fresh}"

    def emit(self, value: int, size: int) -> None:
        """Appends an instruction of `size` bytes, little-endian."""
        self.code += value.to_bytes(size, "little")

    def branch(self, label: str, encode: Callable[[int], bytes]) -> None:
        """Appends an instruction that depends on the distance of a label from its own start, in bytes."""
        self._branches.append((self.here, label, encode))
        self.code += bytes(len(encode(0)))

    def finish(self) -> bytes:
        """The machine code with all branches completed."""
        for at, label, encode in self._branches:
            offset = self.offset(label)
            try:
                word = encode(offset - at)
            except GalagoError as error:
                raise GalagoError("native.label", f"{label} is out of reach: {error.message}") from None
            self.code[at : at + len(word)] = word
        return bytes(self.code)


def signed(value: int, bits: int, scale: int = 1) -> int:
    """The lowest `bits` bits of a signed operand divided by `scale`; native.operand if it does not fit."""
    if value % scale or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise GalagoError("native.operand", f"expected a signed number of {bits} bits, got {value}")
    return value & (1 << bits) - 1


def unsigned(value: int, bits: int, scale: int = 1) -> int:
    """An unsigned operand of `bits` bits divided by `scale`; native.operand if it does not fit."""
    if value % scale or not 0 <= value // scale < 1 << bits:
        raise GalagoError("native.operand", f"expected 0 … {((1 << bits) - 1) * scale}, got {value}")
    return value // scale
