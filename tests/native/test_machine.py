# SPDX-License-Identifier: MIT
"""The machine: its counts against listings by hand, its guards against accesses outside buffers."""

import sys

import pytest

from galago.errors import GalagoError
from galago.native import mpy
from galago.native.verify import machines
from galago.native.verify.cores import CORES
from galago.native.verify.machine import Machine
from galago.native.verify.runtime import Runtime

# movs r3, #0 / loop: adds r3, r3, r1 / subs r0, #1 / bne loop / it eq / moveq r0, r3 / bx lr
THUMB = bytes.fromhex("0023 5b18 0138 fcd1 08bf 1846 7047")
# li a3, 0 / loop: add a3, a3, a1 / addi a0, a0, -1 / bnez a0, loop / mv a0, a3 / ret
RISCV = bytes.fromhex("8146 ae96 7d15 75fd 3685 8280")

ACCESS = """
import micropython
@micropython.viper
def load8(p: ptr8, i: int) -> int:
    return p[i]
@micropython.viper
def load16(p: ptr16, i: int) -> int:
    return p[i]
@micropython.viper
def load32(p: ptr32, i: int) -> int:
    return p[i]
@micropython.viper
def store8(p: ptr8, i: int, v: int):
    p[i] = v
@micropython.viper
def store32(p: ptr32, i: int, v: int):
    p[i] = v
"""


def load(arch: str, strict: bool = False):
    return Runtime(CORES[arch], strict).load(mpy.read(mpy.compile(ACCESS, arch)), {})


@pytest.mark.parametrize(("arch", "code", "loop"), [("armv7emsp", THUMB, 3), ("rv32imc", RISCV, 3)])
def test_counts_every_instruction(arch, code, loop):
    machine = Machine(CORES[arch])
    address = machine.load(code)
    for times in (1, 2, 100):
        machine.blocks.clear()
        assert machine.call(address, times, 7) == 7 * times
        # One before the loop; behind it mv and ret, on Thumb also the IT before the conditional mov.
        assert machine.instructions() == 1 + loop * times + (3 if arch == "armv7emsp" else 2)


def test_counts_an_instruction_that_an_it_block_skips():
    # cmp r0, #0 / it eq / moveq r0, #5 / bx lr
    machine = Machine(CORES["armv7emsp"])
    address = machine.load(bytes.fromhex("0028 08bf 0520 7047"))
    assert (machine.call(address, 0), machine.instructions()) == (5, 4)
    machine.blocks.clear()
    assert (machine.call(address, 1), machine.instructions()) == (1, 4)


@pytest.mark.parametrize("arch", CORES)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 4096, 5001])
@pytest.mark.parametrize("writable", [True, False])
def test_a_byte_too_far_is_an_error(arch, size, writable):
    functions = load(arch)
    buffer = (bytearray if writable else bytes)(range(256)) * (size // 256 + 1)
    buffer = buffer[:size]
    for index in (0, size - 1):
        assert functions["load8"](buffer, index) == buffer[index]
    for index in (-1, size, -4096, size + 4095):
        with pytest.raises(GalagoError, match=r"load8: .* reads 1 bytes at .* of .*bytes") as error:
            functions["load8"](buffer, index)
        assert error.value.code == "native.bounds"
    if writable:
        for index in (-1, size):
            with pytest.raises(GalagoError, match=f"writes 1 bytes .*: offset {index} of bytearray"):
                functions["store8"](buffer, index, 1)


@pytest.mark.parametrize("arch", CORES)
@pytest.mark.parametrize("writable", [True, False])
def test_a_word_that_ends_outside_is_an_error(arch, writable):
    functions = load(arch)
    for size in (4, 5, 6, 7, 4099):
        buffer = (bytearray if writable else bytes)(size)
        view = memoryview(buffer)
        assert functions["load32"](buffer, 0) == 0
        assert functions["load32"](view[size - 4 :], 0) == 0
        for missing in (1, 2, 3):
            with pytest.raises(GalagoError) as error:
                functions["load32"](view[size - 4 + missing :], 0)
            assert error.value.code == "native.bounds"
        with pytest.raises(GalagoError):
            functions["load16"](view[size - 1 :], 0)


def test_a_read_only_buffer_cannot_be_written():
    with pytest.raises(GalagoError, match=r"writes 1 bytes .*: offset 2 of read-only bytes"):
        load("armv6m")["store8"](b"abcd", 2, 0)


@pytest.mark.parametrize(("arch", "faults"), [("armv6m", True), ("armv7emsp", False), ("rv32imc", True)])
def test_unaligned_words_where_the_core_refuses_them(arch, faults):
    functions = load(arch, strict=True)
    view = memoryview(bytearray(b"\x01\x02\x03\x04\x05\x06\x07\x08"))
    assert functions["load32"](view, 1) == 0x08070605
    if not faults:
        assert functions["load32"](view[1:], 0) == 0x05040302
        return
    for name in ("load32", "load16"):
        with pytest.raises(GalagoError, match=f"{name}: .* reads [24] bytes") as error:
            functions[name](view[1:], 0)
        assert error.value.code == "native.alignment"


def test_thumb_2_does_not_run_on_a_cortex_m0():
    # movw r0, #0x1234 / bx lr; cbz r1, over / over: movs r0, #7 / bx lr
    for code, result in (("41f23420 7047", 0x1234), ("01b1 00bf 0720 7047", 7)):
        machine = Machine(CORES["armv7m"])
        assert machine.call(machine.load(bytes.fromhex(code)), 0, 0) == result
        machine = Machine(CORES["armv6m"])
        with pytest.raises(GalagoError, match="is not an instruction of armv6-m") as error:
            machine.call(machine.load(bytes.fromhex(code)), 0, 0)
        assert error.value.code == "native.fault"


def test_the_calling_convention_is_checked():
    machine = Machine(CORES["armv6m"])
    for code in ("0124 7047", "04b0 7047"):  # movs r4, #1 / add sp, #16
        with pytest.raises(GalagoError) as error:
            machine.call(machine.load(bytes.fromhex(code)))
        assert error.value.code == "native.convention"


def test_a_jump_to_nowhere_is_a_fault():
    machine = Machine(CORES["rv32imc"])
    with pytest.raises(GalagoError) as error:
        machine.call(machine.load(bytes.fromhex("0282")))  # jr tp, which holds 0
    assert error.value.code == "native.fault"


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    monkeypatch.delitem(sys.modules, "galago.native.verify.machine", raising=False)
    with pytest.raises(GalagoError, match=r"got no unicorn: pip install 'unicorn") as error:
        machines.create("armv6m")
    assert error.value.code == "native.emulator"
