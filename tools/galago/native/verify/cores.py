# SPDX-License-Identifier: MIT
"""The processor cores of 32-bit boards, as Unicorn runs and capstone disassembles them.

    core = cores.CORES["rv32imc"]     # by the architecture that mpy-cross compiles for

A core that faults on unaligned words says so in `aligned`: Cortex-M0+ always does, and a RISC-V core may
(the RP2350's does; the ESP32-C3's does not).
"""

from dataclasses import dataclass

import capstone
import unicorn
from unicorn import arm_const, riscv_const, x86_const

_THUMB = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
_ARM_REGISTERS = tuple(getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(4))
_RISCV_REGISTERS = tuple(getattr(riscv_const, f"UC_RISCV_REG_A{i}") for i in range(4))


@dataclass(frozen=True)
class Core:
    """One instruction set with one calling convention; registers are Unicorn's numbers."""

    arch: str  # as mpy-cross names it
    name: str
    unicorn: tuple[int, int]  # architecture and mode
    model: int | None  # Unicorn's number of the processor
    capstone: tuple[int, int]
    arguments: tuple[int, ...]
    result: int
    saved: tuple[int, ...]  # what a function must leave as it found them
    pc: int
    sp: int
    link: int | None  # None: the return address is on the stack, in eight bytes
    jump: int  # the register that `trap` jumps to
    trap: bytes  # one instruction: jump to the address in `jump`
    thumb: int  # bit 0 of a code address
    aligned: bool  # unaligned words fault


def _cortex_m(arch: str, name: str, model: int, aligned: bool) -> Core:
    return Core(
        arch,
        name,
        unicorn=(unicorn.UC_ARCH_ARM, _THUMB),
        model=model,
        capstone=(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS),
        arguments=_ARM_REGISTERS,
        result=_ARM_REGISTERS[0],
        saved=tuple(getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(4, 12)),
        pc=arm_const.UC_ARM_REG_PC,
        sp=arm_const.UC_ARM_REG_SP,
        link=arm_const.UC_ARM_REG_LR,
        jump=arm_const.UC_ARM_REG_R12,
        trap=b"\x60\x47",  # bx r12
        thumb=1,
        aligned=aligned,
    )


_RISCV = Core(
    "rv32imc",
    "RV32IMC",
    unicorn=(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32),
    model=None,
    capstone=(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC),
    arguments=_RISCV_REGISTERS,
    result=_RISCV_REGISTERS[0],
    saved=tuple(getattr(riscv_const, f"UC_RISCV_REG_S{i}") for i in range(12)),
    pc=riscv_const.UC_RISCV_REG_PC,
    sp=riscv_const.UC_RISCV_REG_SP,
    link=riscv_const.UC_RISCV_REG_RA,
    jump=riscv_const.UC_RISCV_REG_T0,
    trap=b"\x82\x82",  # c.jr t0
    thumb=0,
    aligned=True,
)

X64 = Core(  # this computer's, so that kernels for the emulated board run between guards too
    "x64",
    "x86-64",
    unicorn=(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64),
    model=None,
    capstone=(capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    arguments=tuple(getattr(x86_const, f"UC_X86_REG_{name}") for name in ("RDI", "RSI", "RDX", "RCX")),
    result=x86_const.UC_X86_REG_RAX,
    saved=tuple(
        getattr(x86_const, f"UC_X86_REG_{name}") for name in ("RBX", "RBP", "R12", "R13", "R14", "R15")
    ),
    pc=x86_const.UC_X86_REG_RIP,
    sp=x86_const.UC_X86_REG_RSP,
    link=None,
    jump=x86_const.UC_X86_REG_RAX,
    trap=b"\xc3",  # ret
    thumb=0,
    aligned=False,
)

CORES = {
    core.arch: core
    for core in (
        _cortex_m("armv6m", "Cortex-M0+", arm_const.UC_CPU_ARM_CORTEX_M0, aligned=True),
        _cortex_m("armv7m", "Cortex-M3", arm_const.UC_CPU_ARM_CORTEX_M3, aligned=False),
        _cortex_m("armv7emsp", "Cortex-M4", arm_const.UC_CPU_ARM_CORTEX_M4, aligned=False),
        _cortex_m("armv7emdp", "Cortex-M7", arm_const.UC_CPU_ARM_CORTEX_M7, aligned=False),
        _RISCV,
    )
}
