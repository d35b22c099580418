# SPDX-License-Identifier: MIT
"""Every instruction of the assemblers, disassembled by capstone and, for Xtensa, by binutils.

Instructions that binutils' Xtensa (the ESP8266's) lacks are run instead: tests/native/test_xtensa.py.
"""

import inspect
import re
import subprocess
from pathlib import Path

import capstone
import numpy as np
import pytest

from galago.errors import GalagoError
from galago.native.assemblers import riscv
from galago.native.assemblers.base import Assembler
from galago.native.assemblers.riscv import Rv32
from galago.native.assemblers.sse2 import Sse2
from galago.native.assemblers.x64 import X64, Memory
from galago.native.assemblers.xtensa import Xtensa
from support.requirements import requires

RV = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
RV_FORMS = {
    "r, s, t": "add sub and_ or_ xor sll srl sra mul mulhsu div divu remu",
    "r, s, number": "addi andi ori xori",
    "r, s, shift": "slli srli srai",
    "r, offset(base)": "lb lbu lh lhu lw sb sh sw",
    "r, s, label": "beq bne blt bge bltu bgeu",
    "r, label": "beqz bnez",
    "label": "j",
    "r, s": "mv",
    "r": "jr jalr",
    "r, number": "li",
    "r, shift": "lui",
    "": "ret",
}
AMD = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15"
AMD_FORMS = {
    "r, r": "mov mov32 movzx8 movzx16 movsx8 movsx16 movsxd add sub and_ or_ xor xor32 cmp test imul "
    "cmovl cmovg",
    "r, m": "mov mov32 movzx8 movzx16 movsx8 movsx16 movsxd lea add sub and_ or_ xor cmp imul",
    "m, r": "mov mov32 mov16 mov8",
    "r, number": "movi addi subi andi ori xori cmpi testi",
    "r, positive": "movi32",
    "r, large": "movabs",
    "r, r, number": "imuli",
    "r, shift": "shl shr sar",
    "r": "shl_cl shr_cl sar_cl push pop neg idiv call",
    "label": "jmp jmp8 je jne jl jge",
    "condition, label": "jcc jcc8",
    "r, label": "address",
    "": "ret cqo",
}
SSE_FORMS = {
    "x, m": "movdqu pmaddwd",
    "x, x": "movdqu pmaddwd paddd pxor",
    "m, x": "movdqu",
    "x, x, byte": "pshufd",
    "r, x": "movd",
}
AMD_CONDITIONS = {2: "b", 3: "ae", 4: "e", 5: "ne", 6: "be", 7: "a", 12: "l", 13: "ge", 14: "le", 15: "g"}
AMD_NAMES = {
    "mov": "mov32 mov16 mov8 movi movi32", "movzx": "movzx8 movzx16", "movsx": "movsx8 movsx16",
    "lea": "address", "and": "and_ andi", "or": "or_ ori", "xor": "xor32 xori", "add": "addi", "sub": "subi",
    "cmp": "cmpi", "test": "testi", "imul": "imuli", "shl": "shl_cl", "shr": "shr_cl", "sar": "sar_cl",
    "jmp": "jmp8", "j": "jcc jcc8",
}  # fmt: skip
AMD_NAMES = {own: name for name, names in AMD_NAMES.items() for own in names.split()}
# Bits of a register that is written, of one that is read, and of what lies in memory, if not 64.
AMD_BITS = {
    "mov32": (32, 32, 32), "mov16": (0, 16, 16), "mov8": (0, 8, 8), "movi32": (32, 0, 0),
    "movzx8": (32, 8, 8), "movzx16": (32, 16, 16), "movsx8": (64, 8, 8), "movsx16": (64, 16, 16),
    "movsxd": (64, 32, 32), "xor32": (32, 32, 32), "movd": (32, 0, 0),
    "pmaddwd": (0, 0, 128), "movdqu": (0, 0, 128),
}  # fmt: skip
AMD_SIZES = {8: "byte", 16: "word", 32: "dword", 64: "qword", 128: "xmmword"}
XTENSA_FORMS = {
    "r, s, t": "add sub and_ or_ xor addx2 addx4 addx8 mull mul16u",
    "r, s": "neg mov sll srl sra",
    "r": "ssr ssl",
    "r, s, shift": "slli srai",
    "r, s, low": "srli",
    "r, s, shift, bits": "extui",
    "r, small": "movi",
    "r, s, byte": "addi",
    "r, s, pages": "addmi",
    "r, s, at": "l8ui s8i",
    "r, s, even": "l16ui l16si s16i",
    "r, s, word": "l32i s32i",
    "r, s, label": "beq bne blt bge bltu bgeu",
    "r, constant, label": "beqi bnei blti bgei",
    "r, positive, label": "bltui bgeui",
    "r, label": "beqz bnez bltz bgez",
    "label": "j",
    "": "syscall",
}
XTENSA_EXECUTED = {"quou", "quos", "remu", "min_", "max_", "sext", "entry", "retw", "callx8", "address"}


def cases(forms: dict[str, str], seed: int, times: int = 60):
    """Yields (mnemonic, form, random numbers) for every instruction."""
    rng = np.random.default_rng(seed)
    for form, names in forms.items():
        for name in names.split():
            for _ in range(times):
                yield name, form, rng


def check_complete(assembler: type[Assembler], covered: set[str]) -> None:
    """Checks that every public method of an assembler is a mnemonic under test."""
    own = {name for name, _ in inspect.getmembers(assembler, inspect.isfunction) if name[0] != "_"}
    assert own - {name for name, _ in inspect.getmembers(Assembler)} == covered


def one(code: bytes, *mode: int) -> str:
    """Disassembles exactly one instruction; without spaces, with decimal numbers."""
    found = list(capstone.Cs(*mode).disasm(code, 0))
    assert [instruction.size for instruction in found] == [len(code)], f"{code.hex()} is not one instruction"
    return plain(f"{found[0].mnemonic} {found[0].op_str}")


def plain(text: str) -> str:
    """Normalizes text: decimal numbers, no spaces except after the mnemonic."""
    text = re.sub(r"0x[0-9a-f]+", lambda match: str(int(match[0], 16)), text.replace("\t", " "))
    name, _, operands = text.strip().partition(" ")
    return f"{name} {operands.replace(' ', '')}".strip()


def test_riscv() -> None:
    listed = {name for names in RV_FORMS.values() for name in names.split()}
    check_complete(Rv32, listed | {"la"})
    names = RV.split()
    for name, form, rng in cases(RV_FORMS, 1):
        r, s, t = (int(n) for n in rng.choice(range(1, 32), 3, replace=False))
        s = r if rng.random() < 0.4 else s  # where short forms are
        number = int(rng.choice([1, -2, 31, -32, 32, 2047, -2048, *rng.integers(2, 2048, 3)]))
        shift = int(rng.integers(1, 32))
        offset, base = int(rng.choice([0, 4, 124, 128, 252, 3, -4, 2047])), int(rng.choice([2, 8, 15, t]))
        values = {"r": r, "s": s, "t": t, "number": number, "shift": shift, "label": "back"}
        code = Rv32()
        code.label("back")
        if "base" in form:
            getattr(code, name)(r, offset, base)
        else:
            getattr(code, name)(*(values[part] for part in form.split(", ") if part))
        texts = {"r": names[r], "s": names[s], "t": names[t], "offset(base)": f"{offset}({names[base]})"}
        texts |= {"number": str(number), "shift": str(shift), "label": "0"}
        expected = ",".join(texts[part] for part in form.split(", ") if part)
        found = one(code.finish(), capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
        assert riscv_normal(found) == riscv_normal(plain(f"{name.strip('_')} {expected}")), (name, form)


def riscv_normal(text: str) -> str:
    """Replaces aliases and short forms by the full instruction."""
    twice = ["c.add", "c.sub", "c.xor", "c.or", "c.and", "c.addi", "c.slli", "c.srli", "c.srai"]
    name, _, operands = text.partition(" ")
    parts = operands.split(",")
    if name in twice and len(parts) == 2:
        parts.insert(0, parts[0])
    name = name.removeprefix("c.").removesuffix("sp")
    if name == "li":
        name, parts = "addi", [parts[0], "zero", parts[1]]
    if name == "ret":
        name, parts = "jr", ["ra"]
    if name == "jal" and len(parts) == 1:
        parts.insert(0, "ra")
    return f"{name} {','.join(parts)}"


def test_riscv_constants() -> None:
    """`li` loads any number in an emulator, with two instructions where one cannot hold it."""
    from galago.native.verify.cores import CORES
    from galago.native.verify.machine import Machine

    for value in (0, 1, -1, 2047, 2048, -2049, 0x7FFFF800, -(1 << 31), 0x80808080, 0x12345FFF):
        code = Rv32()
        code.li(riscv.A0, value)
        code.ret()
        machine = Machine(CORES["rv32imc"])
        assert machine.call(machine.load(code.finish())) == value & 0xFFFF_FFFF


def test_riscv_addresses() -> None:
    """`la` gives the address of a label, near and far, before and after it."""
    from galago.native.verify.cores import CORES
    from galago.native.verify.machine import Machine

    for distance in (2, 2040, 2048, 70000):
        code = Rv32()
        code.la(riscv.A0, "after")
        code.ret()
        code.code += bytes(distance)
        code.label("after")
        machine = Machine(CORES["rv32imc"])
        address = machine.load(code.finish())
        assert machine.call(address) == address + 10 + distance


def test_x64() -> None:
    listed = {name for names in AMD_FORMS.values() for name in names.split()}
    check_complete(X64, listed)
    check_complete(Sse2, listed | {name for names in SSE_FORMS.values() for name in names.split()})
    for name, form, rng in cases(AMD_FORMS | SSE_FORMS, 2, times=25):
        base, offset = int(rng.integers(0, 16)), int(rng.choice([0, 8, 1000, -4, -128, -70000]))
        index = int(rng.choice([i for i in range(16) if i != 4])) if rng.random() < 0.5 else None
        values = {
            "m": Memory(base, offset, index, int(rng.integers(0, 4)) if index is not None else 0),
            "label": "back",
            "number": int(rng.choice([5, -77, -128, 128, 100000, -(1 << 31)])),
            "positive": int(rng.choice([0, 5, 0x8000_0000, 0xFFFF_FFFF])),
            "large": int(rng.choice([1 << 40, -1, -(1 << 63)])),
            "shift": int(rng.integers(1, 64)),
            "byte": int(rng.integers(2, 256)),
            "condition": int(rng.choice(list(AMD_CONDITIONS))),
        }
        parts = form.split(", ") if form else []
        arguments = [int(rng.integers(0, {"r": 16, "x": 8}[p])) if p in "rx" else values[p] for p in parts]
        code = Sse2()
        code.label("back")
        getattr(code, name)(*arguments)
        found = one(code.finish(), capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        texts = [amd_text(name, *pair, i) for i, pair in enumerate(zip(parts, arguments, strict=True))]
        mnemonic = AMD_NAMES.get(name, name)
        if "condition" in form:
            mnemonic += texts.pop(0)
        texts += ["cl"] * name.endswith("_cl")
        # Capstone shows some negative numbers unsigned.
        found = re.sub(r"\b\d{19,}", lambda m: str(int(m[0]) - (int(m[0]) >> 63 << 64)), found)
        assert found == plain(f"{mnemonic} {', '.join(texts)}"), (name, form)


def amd_text(name: str, form: str, value, position: int) -> str:
    """An operand in Intel's syntax."""
    written, read, memory = AMD_BITS.get(name, (64, 64, 64))
    if form == "x":
        return f"xmm{value}"
    if form == "r":
        return amd_register(value, read if position else written)
    if form == "m":
        parts = [amd_register(value.base, 64)]
        if value.index is not None:
            parts.append(amd_register(value.index, 64) + f"*{1 << value.shift}" * (value.shift > 0))
        text = " + ".join(parts) + f"{value.offset:+}" * (value.offset != 0)
        return f"[{text}]" if name == "lea" else f"{AMD_SIZES[memory]} ptr [{text}]"
    if form == "condition":
        return AMD_CONDITIONS[value]
    if name == "address":  # relative to the end of an instruction of 7 bytes
        return "[rip - 7]"
    return "0" if form == "label" else str(value)


def amd_register(register: int, bits: int) -> str:
    """The name of the lowest bits of a register."""
    name = AMD.split()[register]
    if bits == 64:
        return name
    if register > 7:
        return name + {32: "d", 16: "w", 8: "b"}[bits]
    if bits == 8:
        return name[1] + "l" if name[2] == "x" else name[1:] + "l"
    return ("e" if bits == 32 else "") + name[1:]


@requires("xtensa-lx106-elf-objdump", debian="binutils-xtensa-lx106")
def test_xtensa(tmp_path: Path) -> None:
    listed = {name for names in XTENSA_FORMS.values() for name in names.split()}
    check_complete(Xtensa, listed | XTENSA_EXECUTED)
    code, expected = Xtensa(), []
    for name, form, rng in cases(XTENSA_FORMS, 3):
        here = f"at{code.here}"
        code.label(here)
        values = {
            **dict(zip("rst", (int(n) for n in rng.integers(0, 16, 3)), strict=True)),
            "shift": int(rng.integers(1, 32)),
            "low": int(rng.integers(0, 16)),
            "bits": int(rng.integers(1, 17)),
            "small": int(rng.choice([-32, 95, -33, 96, 2047, -2048])),
            "byte": int(rng.choice([-128, 127, -1, 1, 15, 16, -2])),
            "pages": int(rng.choice([-32768, 32512, 256])),
            "at": int(rng.integers(0, 256)),
            "even": 2 * int(rng.integers(0, 256)),
            "word": int(rng.choice([0, 60, 64, 1020])),
            "constant": int(rng.choice([-1, 1, 8, 10, 256])),
            "positive": int(rng.choice([32768, 65536, 2, 8, 10, 256])),
            "label": here,
        }
        parts = form.split(", ") if form else []
        text = [f"a{values[p]}" if p in "rst" else str(values[p]) for p in parts]
        if "label" in parts:
            text[-1] = str(code.here)
        getattr(code, name)(*(values[part] for part in parts))
        expected.append(f"{name.strip('_')} {','.join(text)}".strip())
    file = tmp_path / "code.bin"
    file.write_bytes(code.finish())
    command = ["xtensa-lx106-elf-objdump", "-D", "-z", "-b", "binary", "-m", "xtensa", str(file)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [xtensa_normal(line.split("\t", 2)[2]) for line in lines if re.match(r" +[0-9a-f]+:\t", line)]
    assert found == expected


def xtensa_normal(text: str) -> str:
    """Replaces short forms and unsigned negative numbers."""
    text = plain(text.replace(".n", "", 1))
    return re.sub(r"\d{6,}", lambda m: str((int(m[0]) ^ 1 << 31) - (1 << 31)), text)


def test_what_does_not_fit_is_refused() -> None:
    for attempt in (
        lambda: Rv32().addi(riscv.A0, riscv.A0, 2048),
        lambda: Rv32().lw(riscv.A0, -2049, riscv.A1),
        lambda: Xtensa().l8ui(2, 3, 256),
        lambda: Xtensa().l32i(2, 3, 6),
        lambda: Xtensa().addmi(2, 3, 100),
        lambda: X64().mov(Memory(0), Memory(1)),
    ):
        with pytest.raises(GalagoError) as error:
            attempt()
        assert error.value.code == "native.operand"
    for build in (lambda code: code.beqz(3, "far"), lambda code: code.j("nowhere")):
        code = Rv32()
        build(code)
        for _ in range(2048):
            code.mv(riscv.A0, riscv.A1)
        code.label("far")
        with pytest.raises(GalagoError) as error:
            code.finish()
        assert error.value.code == "native.label"
