# SPDX-License-Identifier: MIT
"""Every instruction of the Thumb assemblers, disassembled by capstone."""

import inspect
import re
from collections.abc import Sequence

import capstone
import numpy as np
import pytest

from galago.errors import GalagoError
from galago.native.assemblers.base import Assembler
from galago.native.assemblers.thumb import LR, NE, PC, SP, Thumb
from galago.native.assemblers.thumb2 import Thumb2

NAMES = [f"r{i}" for i in range(9)] + ["sb", "sl", "fp", "ip", "sp", "lr", "pc"]
# A call, and what capstone says. d n m a t u are registers (low ones below), the rest are numbers.
SHARED = """
adds(d, n, x3)            adds d, n, #x3
adds(d, d, x8)            adds d, #x8
subs(d, n, x3)            subs d, n, #x3
subs(d, d, x8)            subs d, #x8
movs(d, x8)               movs d, #x8
adds_reg(d, n, m)         adds d, n, m
subs_reg(d, n, m)         subs d, n, m
cmp(n, x8)                cmp n, #x8
cmp_reg(n, m)             cmp n, m
muls(d, m)                muls d, m, d
lsls(d, m, s)             lsls d, m, #s
lsrs(d, m, s)             lsrs d, m, #s
asrs(d, m, s)             asrs d, m, #s
sxth(d, m)                sxth d, m
sxtb(d, m)                sxtb d, m
uxth(d, m)                uxth d, m
uxtb(d, m)                uxtb d, m
ldr(t, n, x5*4)           ldr t, [n, #x5*4]
str_(t, n, x5*4)           str t, [n, #x5*4]
ldr(t, SP, x8*4)          ldr t, [sp, #x8*4]
str_(t, SP, x8*4)          str t, [sp, #x8*4]
ldrb(t, n, x5)            ldrb t, [n, #x5]
strb(t, n, x5)            strb t, [n, #x5]
ldrh(t, n, x5*2)          ldrh t, [n, #x5*2]
strh(t, n, x5*2)          strh t, [n, #x5*2]
ldm(n, t, u)              ldm n!, {t, u}
stm(n, t, u)              stm n!, {t, u}
push(t, u, LR)            push {t, u, lr}
pop(t, u, PC)             pop {t, u, pc}
add_sp(x5*4)              add sp, #x5*4
add_sp(-x5*4)             sub sp, #x5*4
address_sp(d, x8*4)       add d, sp, #x8*4
b("back")                 b #0
b_if(cond, "back")        b?cond #0
beq("back")               beq #0
bne("back")               bne #0
bl("back")                bl #0
blx(m)                    blx m
"""
TWO_OPERANDS = "ands eors lsls lsrs asrs adcs sbcs rors tst cmp cmn orrs bics mvns"
INDEXED = "str strh strb ldrsb ldr ldrh ldrb ldrsh"
SHARED += "".join(f'alu("{name}", d, m)  {name} d, m\n' for name in TWO_OPERANDS.split())
SHARED += 'alu("rsbs", d, m)  rsbs d, m, #0\n'
SHARED += "".join(f'indexed("{name}", t, n, m)  {name} t, [n, m]\n' for name in INDEXED.split())
ANY = """
mov(d, m)                 mov d, m
add_to(d, m)              add d, m
cmp_reg(n, m)             cmp n, m
bx(m)                     bx m
"""
WIDE = """
movw(d, x16)              movw d, #x16
movt(d, x16)              movt d, #x16
load(d, x16)              movw d, #x16
load(d, -1-x8)            mvn d, #x8
add(d, n, m)              add.w d, n, m
add(d, n, m, lsl=s)       add.w d, n, m, lsl #s
add(d, n, m, asr=s)       add.w d, n, m, asr #s
sub(d, n, m)              sub.w d, n, m
sub(d, n, m, asr=s)       sub.w d, n, m, asr #s
orr(d, n, m, lsl=s)       orr.w d, n, m, lsl #s
lsl(d, m, s)              lsl.w d, m, #s
asr(d, m, s)              asr.w d, m, #s
combine("eor", d, n, m, "lsr", s)  eor.w d, n, m, lsr #s
combine("mov", d, 0, m, "asr", s)  asr.w d, m, #s
combine("mvn", d, 0, m)   mvn.w d, m
combine("tst", 0, n, m)   tst.w n, m
number("and", d, n, x8)   and d, n, #x8
number("bic", d, n, x8)   bic d, n, #x8
number("orr", d, n, x8)   orr d, n, #x8
number("eor", d, n, x8)   eor d, n, #x8
number("add", d, n, x8)   add.w d, n, #x8
number("sub", d, n, x8)   sub.w d, n, #x8
number("rsb", d, n, x8)   rsb.w d, n, #x8
number("mov", d, 0, x8)   mov.w d, #x8
number("mvn", d, 0, x8)   mvn d, #x8
number("tst", 0, n, x8)   tst.w n, #x8
number("cmp", 0, n, x8)   cmp.w n, #x8
number("cmn", 0, n, x8)   cmn.w n, #x8
pkhbt(d, n, m, lsl=16)    pkhbt d, n, m, lsl #16
pkhtb(d, n, m, 16)        pkhtb d, n, m, asr #16
lsl_reg(d, n, m)          lsl.w d, n, m
asr_reg(d, n, m)          asr.w d, n, m
lsr_reg(d, n, m)          lsr.w d, n, m
addw(d, n, x12)           addw d, n, #x12
addw(d, n, -x12)          subw d, n, #x12
subs(d, n, x8)            subs.w d, n, #x8
cmp(n, -x8)               cmn.w n, #x8
tst(n, x8)                tst.w n, #x8
mul(d, n, m)              mul d, n, m
mla(d, n, m, a)           mla d, n, m, a
mls(d, n, m, a)           mls d, n, m, a
smlad(d, n, m, a)         smlad d, n, m, a
smlabb(d, n, m, a)        smlabb d, n, m, a
smlabt(d, n, m, a)        smlabt d, n, m, a
smmlar(d, n, m, a)        smmlar d, n, m, a
smmlsr(d, n, m, a)        smmlsr d, n, m, a
smmulr(d, n, m)           smmulr d, n, m
umull(d, u, n, m)         umull d, u, n, m
udiv(d, n, m)             udiv d, n, m
sdiv(d, n, m)             sdiv d, n, m
extend("sxtb", d, m)      sxtb.w d, m
extend("sxth", d, m)      sxth.w d, m
extend("uxtb", d, m)      uxtb.w d, m
extend("uxth", d, m)      uxth.w d, m
usat(d, 8, n)             usat d, #8, n
sxtb16(d, m)              sxtb16 d, m
sxtb16(d, m, ror=8)       sxtb16 d, m, ror #8
sxtab16(d, n, m)          sxtab16 d, n, m
sxtab16(d, n, m, ror=8)   sxtab16 d, n, m, ror #8
sxtab(d, n, m)            sxtab d, n, m
sxtab(d, n, m, ror=24)    sxtab d, n, m, ror #24
ssat8(d, n)               ssat d, #8, n
ubfx(d, n, x3, 9)         ubfx d, n, #x3, #9
bfi(d, n, x3, 24)         bfi d, n, #x3, #24
clz(d, m)                 clz d, m
ldr(t, n, x12)            ldr.w t, [n, #x12]
str_(t, n, x12)            str.w t, [n, #x12]
ldrb(t, n, x12)           ldrb.w t, [n, #x12]
ldrsb(t, n, x12)          ldrsb.w t, [n, #x12]
ldrh(t, n, x12)           ldrh.w t, [n, #x12]
ldrsh(t, n, x12)          ldrsh.w t, [n, #x12]
strb(t, n, x12)           strb.w t, [n, #x12]
strh(t, n, x12)           strh.w t, [n, #x12]
ldr(t, n, -x8)            ldr t, [n, #-x8]
ldr(t, n, after=x8)       ldr t, [n], #x8
ldr(t, n, after=-x8)      ldr t, [n], #-x8
ldrsb(t, n, after=x8)     ldrsb t, [n], #x8
strb(t, n, after=x8)      strb t, [n], #x8
str_(t, n, after=x8)       str t, [n], #x8
ldrd(t, u, n, x5*4)       ldrd t, u, [n, #x5*4]
ldrd(t, u, n, after=x5*4) ldrd t, u, [n], #x5*4
strd(t, u, n, x5*4)       strd t, u, [n, #x5*4]
strd(t, u, n, after=x5*4) strd t, u, [n], #x5*4
bw("back")                b.w #0
bw_if(cond, "back")       b?cond.w #0
"""
WIDE += "".join(f'at("{name}", t, n, m, lsl=2)  {name}.w t, [n, m, lsl #2]\n' for name in INDEXED.split())
HIGH_ONLY = """
ldm(n, t, u)              ldm.w n!, {t, u}
ldm(n, t, u, stay=True)   ldm.w n, {t, u}
stm(n, t, u)              stm.w n!, {t, u}
stm(n, t, u, stay=True)   stm.w n, {t, u}
push(t, u)                push.w {t, u}
pop(t, u)                 pop.w {t, u}
ldr(t, SP, x5*4)          ldr.w t, [sp, #x5*4]
"""
CONDITIONS = ["eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"]


def disassemble(code: bytes) -> list[str]:
    modes = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
    found = list(capstone.Cs(capstone.CS_ARCH_ARM, modes).disasm(code, 0))
    assert sum(instruction.size for instruction in found) == len(code), code.hex()
    return [plain(f"{instruction.mnemonic} {instruction.op_str}") for instruction in found]


def plain(text: str) -> str:
    text = re.sub(r"0x[0-9a-f]+", lambda match: str(int(match[0], 16)), text)
    return text.replace(" ", "").replace(",#0]", "]").replace("cs", "hs").replace("cc", "lo")


def check(assembler: type[Assembler], table: str, registers: Sequence[int], times: int = 40) -> set[str]:
    """Checks each line of a table with random operands; returns the names of the methods."""
    rng = np.random.default_rng(3)
    names = set()
    for line in table.strip().splitlines():
        call, text = re.split(r"(?<=\))\s+", line)
        names.add(call.split("(")[0])
        for _ in range(times):
            chosen = [int(r) for r in rng.choice(registers, 6, replace=False)]
            if "t, u" in call:
                chosen[4:] = sorted(chosen[4:])
            values = dict(zip("dnmatu", chosen, strict=True))
            numbers = {f"x{n}": int(rng.integers(1, 1 << n)) for n in (3, 5, 8, 12, 16)}
            numbers["x8"] = max(numbers["x8"], 8)  # below, a shorter form is right
            numbers |= {"s": int(rng.integers(1, 32)), "cond": int(rng.integers(0, 14))}
            code = assembler()
            code.label("back")
            eval(f"code.{call}", {"code": code, "SP": SP, "LR": LR, "PC": PC, **values, **numbers})
            assert disassemble(code.finish()) == [filled_in(text, values, numbers)], line
    return names


def filled_in(text: str, registers: dict[str, int], numbers: dict[str, int]) -> str:
    """The text that capstone should give for these operands."""
    expected = text.replace("?cond", CONDITIONS[numbers["cond"]])
    expected = re.sub(r"x\d+\*\d", lambda m: str(eval(m[0], dict(numbers))), expected)
    expected = re.sub(r"\bx\d+|(?<=#)s\b", lambda m: str(numbers[m[0]]), expected)
    head, _, operands = expected.partition(" ")
    operands = re.sub(r"\b[dnmatu]\b", lambda m: NAMES[registers[m[0]]], operands)
    return plain(f"{head} {operands}")


def test_every_instruction_of_armv6m() -> None:
    covered = check(Thumb, SHARED, range(8)) | check(Thumb, ANY, range(13))
    own = {name for name, _ in inspect.getmembers(Thumb, inspect.isfunction) if name[0] != "_"}
    assert own - {name for name, _ in inspect.getmembers(Assembler)} == covered


def test_every_instruction_of_armv7em() -> None:
    check(Thumb2, SHARED, range(8))
    covered = check(Thumb2, ANY, range(13))
    covered |= check(Thumb2, WIDE, (8, 9, 10, 11, 12, LR))
    covered |= check(Thumb2, HIGH_ONLY, (8, 9, 10, 11, 12, LR))
    own = {name for name in vars(Thumb2) if name[0] != "_"}
    assert own - {"it", "cbz", "cbnz"} == covered & own


def test_short_forms_where_they_mean_the_same() -> None:
    code = Thumb2()
    code.add(3, 3, 12)
    code.ldr(1, 2, 124)
    code.str_(7, SP, 1020)
    code.ldm(0, 1, 2)
    code.subs(1, 1, 255)
    assert len(code.finish()) == 10


def test_blocks_and_short_branches() -> None:
    code = Thumb2()
    code.cbz(3, "on")
    code.it(NE, True, False)
    for register in range(3):
        code.mov(register, 7)
    code.label("on")
    code.cbnz(3, "end")
    code.load(9, 0x12345678)
    code.label("end")
    code.mov(8, 8)
    assert disassemble(code.finish()) == [
        "cbzr3,#10", "ittene", "movner0,r7", "movner1,r7", "moveqr2,r7", "cbnzr3,#20",
        "movwsb,#22136", "movtsb,#4660", "movr8,r8",
    ]  # fmt: skip


@pytest.mark.parametrize("distance", [-200, -4000, 4000, 500000])
def test_branches_reach_and_refuse(distance) -> None:
    for name, reach in (("beq", 250), ("b", 2000), ("bw", 1 << 24), ("bl", 1 << 24)):
        code = Thumb2()
        if distance < 0:
            code.label("there")
        code.code += bytes.fromhex("00bf") * (abs(distance) // 2)
        at = code.here
        getattr(code, name)("there")
        if distance > 0:
            code.code += bytes.fromhex("00bf") * (distance // 2)
            code.label("there")
        if abs(distance) > reach:
            with pytest.raises(GalagoError) as error:
                code.finish()
            assert error.value.code == "native.label"
            continue
        lines = list(
            capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS).disasm(
                code.finish()[at : at + 4], at
            )
        )
        expected = 0 if distance < 0 else len(code.code)
        assert lines[0].op_str == f"#{expected:#x}" or (not expected and lines[0].op_str == "#0")


@pytest.mark.parametrize(
    "call", ["movs(8, 1)", "movs(0, 256)", "adds(0, 1, 8)", "ldr(0, 1, 126)", "ldr(0, 1, 2)",
             "lsls(0, 1, 32)", "push(8)", "add_sp(6)", "strb(0, 1, 32)"]
)  # fmt: skip
def test_what_does_not_fit_is_refused(call) -> None:
    with pytest.raises(GalagoError) as error:
        eval(f"code.{call}", {"code": Thumb()})
    assert error.value.code == "native.operand"


def test_registers_out_of_order_are_refused() -> None:
    with pytest.raises(GalagoError, match="ascending"):
        Thumb2().ldm(8, 3, 2)


def test_numbers_that_are_spread_over_a_word() -> None:
    rng = np.random.default_rng(4)
    spread_out = [
        int(b) << int(s) for b, s in zip(rng.integers(128, 256, 40), rng.integers(1, 25, 40), strict=True)
    ]
    spread_out += [
        int(b) * times for b in rng.integers(1, 256, 5) for times in (0x10001, 0x1000100, 0x1010101)
    ]
    for number in (*spread_out, 0, 255, 0x100, 0xFF000000):
        code = Thumb2()
        code.number("mov", 3, 0, number)
        assert disassemble(code.finish()) == [f"mov.wr3,#{number - (number >> 31 << 32)}"]
    for number in (0x101, 0x10002, 0x1FF, 0x80000001):
        with pytest.raises(GalagoError, match="expected 8 bits"):
            Thumb2().number("mov", 3, 0, number)
