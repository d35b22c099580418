# SPDX-License-Identifier: MIT
"""The parts that functions for x86-64 share: the frame, the items of the call, how sums become bytes."""

from galago.native.assemblers.sse2 import Sse2
from galago.native.assemblers.x64 import R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDX, RSP, Memory
from galago.native.kernels import ARENA, CHANNEL, FIRST, ITEMS_X64, LAST, RECORD, SMALL_INT_0, STOP, WEIGHTS
from galago.tflite.records import Record

_SAVED = (RBX, RBP, R12, R13, R14, R15)
_ITEMS = {
    "record": RECORD,
    "arena": ARENA,
    "weights": WEIGHTS,
    "first": FIRST,
    "last": LAST,
    "channel": CHANNEL,
    "stop": STOP,
}
_ARGUMENTS = RCX  # of fun(self, n_args, n_kw, args)


class Function(Sse2):
    """A kernel under construction. Its frame has the items of the call and local words, all by name.

    RBX is the address of the layer's record.
    """

    def __init__(self, *local: str) -> None:
        super().__init__()
        names = [*_ITEMS, *local]
        self._frame = {name: Memory(RSP, 8 * i) for i, name in enumerate(names)}

    def enter(self) -> None:
        """Saves registers and copies the items of the call into the frame."""
        for register in _SAVED:
            self.push(register)
        self.subi(RSP, 8 * len(self._frame))
        self.mov(RAX, Memory(_ARGUMENTS))
        self.mov(RAX, Memory(RAX, ITEMS_X64))
        for name, item in _ITEMS.items():
            self.mov(RDX, Memory(RAX, 8 * item))
            self.mov(self.local(name), RDX)
        self.mov(RBX, self.local("record"))

    def leave(self) -> None:
        """Restores registers and returns."""
        self.addi(RSP, 8 * len(self._frame))
        for register in reversed(_SAVED):
            self.pop(register)
        self.movi(RAX, SMALL_INT_0)
        self.ret()

    def local(self, name: str) -> Memory:
        """A word of the frame."""
        return self._frame[name]

    def word(self, register: int, name: str) -> None:
        """Loads a word of the record."""
        self.movsxd(register, Memory(RBX, 4 * Record.word(name)))

    def scratch(self, register: int) -> None:
        """Loads the address of the scratch."""
        self.word(register, "scratch")
        self.add(register, self.local("arena"))

    def row(self, to: int, y: int, name: str) -> None:
        """The address of row y of the input or the output, a ring of rows. RAX and RDX are lost, RCX kept."""
        side = {"input": "in", "output": "out"}[name]
        self.mov(RAX, y)
        self.cqo()
        self.word(to, f"{name}_rows")
        self.idiv(to)
        for size in ("w", "c"):
            self.word(to, f"{side}_{size}")
            self.imul(RDX, to)
        self.word(to, name)
        self.add(to, RDX)
        self.add(to, self.local("arena"))

    def requantize(self, entry: int, out: int) -> None:
        """Stores the sum in RAX, bias aside, as a byte, by its channel's entry. RAX, RCX and RDX are lost.

        rounding.py has the arithmetic; 64 bits hold 2 h, so that (2 h - (h < 0)) >> right serves all shifts.
        """
        self.movsxd(RDX, Memory(entry, 8))
        self.add(RAX, RDX)
        self.movsxd(RDX, Memory(entry, 0))
        self.imul(RAX, RDX)
        self.addi(RAX, 1 << 30)
        self.sar(RAX, 31)
        self.mov(RDX, RAX)
        self.sar(RDX, 63)
        self.add(RAX, RAX)
        self.add(RAX, RDX)
        self.movi(RCX, 0)
        self.movsxd(RDX, Memory(entry, 4))
        self.sub(RCX, RDX)
        self.sar_cl(RAX)
        self.word(RDX, "out_zero")
        self.add(RAX, RDX)
        self.add(RAX, RDX)
        self.addi(RAX, 1)
        self.sar(RAX, 1)
        for bound, worse in (("lowest", self.cmovl), ("highest", self.cmovg)):
            self.word(RDX, bound)
            self.cmp(RAX, RDX)
            worse(RAX, RDX)
        self.mov8(Memory(out), RAX)
