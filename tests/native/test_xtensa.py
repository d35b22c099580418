# SPDX-License-Identifier: MIT
"""Xtensa code in QEMU: its disassembly and results, guards, counts."""

from collections.abc import Iterator

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.native.assemblers.xtensa import A2, A3, A4, A5, A10, Xtensa
from galago.native.verify import qemu_xtensa
from galago.native.verify.qemu_xtensa import XtensaMachine
from support.requirements import requires

pytestmark = requires("qemu-xtensa", debian="qemu-user")


@pytest.fixture
def machine() -> Iterator[XtensaMachine]:
    with XtensaMachine(strict=True) as machine:
        yield machine


def function(*instructions: tuple) -> bytes:
    """A function with these instructions, each a mnemonic and its operands."""
    code = Xtensa()
    code.entry(32)
    for name, *operands in instructions:
        getattr(code, name)(*operands)
    code.retw()
    return code.finish()


def signed(word: int) -> int:
    return (word ^ 1 << 31) - (1 << 31)


def test_what_binutils_of_the_esp8266_lack(machine: XtensaMachine) -> None:
    """The instructions that test_assemblers.py cannot check: QEMU's listing, and their results."""
    rng = np.random.default_rng(4)
    meaning = {
        "quou": lambda a, b: a // b,
        "quos": lambda a, b: int(signed(a) / signed(b)),
        "remu": lambda a, b: a % b,
        "min_": lambda a, b: min(signed(a), signed(b)),
        "max_": lambda a, b: max(signed(a), signed(b)),
        "mull": lambda a, b: a * b,
        "mul16u": lambda a, b: (a & 0xFFFF) * (b & 0xFFFF),
    }
    for name, expected in meaning.items():
        address = machine.load(function((name, A2, A2, A3)))
        for a, b in rng.integers(1, 1 << 32, (20, 2)).tolist():
            machine.blocks.clear()
            assert machine.call(address, a, b) == expected(a, b) & 0xFFFF_FFFF, (name, a, b)
        listing = [line for block in machine.blocks for line in machine.listing(block)]
        assert listing == ["entry a1, 32", f"{name.strip('_')} a2, a2, a3", "retw.n"]
    for bit in (7, 15, 22):
        address = machine.load(function(("sext", A2, A2, bit)))
        for value in rng.integers(0, 1 << 32, 20).tolist():
            low = value & (2 << bit) - 1
            expected = low - (2 << bit) if low >> bit else low
            assert machine.call(address, value) == expected & 0xFFFF_FFFF


def test_the_address_of_constants(machine: XtensaMachine) -> None:
    """Wherever the instruction lies, and near or far from the label; the return address is kept."""
    for before, far in ((0, 0), (1, 0), (2, 300), (3, 4000)):
        code = Xtensa()
        code.entry(48)
        for _ in range(before):
            code.mov(A2, A2)
        code.s32i(0, 1, 0)
        code.address(A3, "constant")
        code.l32i(0, 1, 0)
        code.sub(A2, A3, A2)
        code.retw()
        code.code += bytes(far)
        code.label("constant")
        address = machine.load(code.finish())
        assert machine.call(address, address) == len(code.code)


def test_calls_and_windows(machine: XtensaMachine) -> None:
    """A recursion deeper than the register file spills windows and restores them."""
    code = Xtensa()
    code.entry(48)
    code.beqz(A2, "bottom")
    code.addi(A10, A2, -1)
    code.mov(11, A3)
    code.callx8(A3)
    code.add(A2, A2, A10)
    code.label("bottom")
    code.retw()
    address = machine.load(code.finish())
    assert machine.call(address, 30, address) == sum(range(31))
    assert 20 * 48 < machine.stack() < 31 * 48  # those that were spilled


def test_traps_and_jumps(machine: XtensaMachine) -> None:
    triple = machine.trap(lambda: machine.answer(3 * machine.argument(0)))
    through = machine.trap(lambda: machine.jump(triple, machine.argument(0) + 1))
    caller = machine.load(function(("mov", A10, A2), ("callx8", A3), ("addi", A2, A10, 1)))
    assert machine.call(caller, 5, triple) == 16
    assert machine.call(caller, 5, through) == 19


def test_counts_every_instruction(machine: XtensaMachine) -> None:
    code = Xtensa()
    code.entry(32)
    code.movi(A4, 0)
    code.label("loop")
    code.add(A4, A4, A3)
    code.addi(A2, A2, -1)
    code.bnez(A2, "loop")
    code.mov(A2, A4)
    code.retw()
    address = machine.load(code.finish())
    for times in (1, 2, 100):
        machine.blocks.clear()
        assert machine.call(address, times, 7) == 7 * times
        assert machine.instructions() == 4 + 3 * times


@pytest.mark.parametrize(
    ("writable", "name", "offset", "code"),
    [
        (True, "s8i", 8, "native.bounds"),
        (True, "l8ui", 8, "native.bounds"),
        (False, "l8ui", 7, "native.bounds"),
        (False, "s8i", 0, "native.bounds"),
        (True, "l32i", -4096, "native.bounds"),
        (True, "l32i", 1, "native.alignment"),
    ],
)
def test_a_byte_too_far_is_an_error(writable: bool, name: str, offset: int, code: str) -> None:
    with XtensaMachine() as machine:
        buffer = machine.place(b"galago!", writable, "the buffer")
        address = machine.load(function((name, A5, A2, 0)))
        with pytest.raises(GalagoError) as error:
            machine.call(address, buffer.address + offset)
        assert error.value.code == code, error.value.message


def test_a_byte_before_is_an_error() -> None:
    with XtensaMachine() as machine:
        machine.ends = False
        buffer = machine.place(b"galago!", True, "the buffer")
        address = machine.load(function(("l8ui", A5, A2, 0)))
        machine.call(address, buffer.address)
        with pytest.raises(GalagoError, match="offset -1 of the buffer"):
            machine.call(address, buffer.address - 1)


def test_an_endless_loop_ends(monkeypatch) -> None:
    monkeypatch.setattr(qemu_xtensa, "_TIMEOUT", 0.2)
    code = Xtensa()
    code.entry(32)
    code.label("forever")
    code.j("forever")
    with XtensaMachine() as machine, pytest.raises(GalagoError) as error:
        machine.call(machine.load(code.finish()))
    assert error.value.code == "native.fault"


def test_an_instruction_that_there_is_not() -> None:
    with XtensaMachine() as machine, pytest.raises(GalagoError) as error:
        machine.call(machine.load(b"\0\0\0\0"))
    assert error.value.code == "native.fault"
