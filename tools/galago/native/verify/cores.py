# SPDX-License-Identifier: MIT
"""The processor cores of 32-bit boards, by the names that Unicorn and capstone give to what they consist of.

    core = cores.CORES["rv32imc"]     # by the architecture that mpy-cross compiles for

A core that faults on unaligned words says so in `aligned`: Cortex-M0+ always does, and a RISC-V core may
(the RP2350's does; the ESP32-C3's does not).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """One instruction set with one calling convention.

    Registers and the rest are names of constants: of unicorn.arm_const and the like where they begin with
    UC_, of capstone where they begin with CS_.
    """

    arch: str
    """The architecture as mpy-cross names it."""
    name: str
    constants: str
    """The module of Unicorn that has the registers."""
    unicorn: tuple[str, ...]
    """Architecture, then modes."""
    model: str | None
    """The processor, or None for the default."""
    capstone: tuple[str, ...]
    """Architecture, then modes."""
    arguments: tuple[str, ...]
    """Registers that hold the first four arguments."""
    result: str
    saved: tuple[str, ...]
    """Registers that a function must leave unchanged."""
    pc: str
    sp: str
    link: str | None
    """The register with the return address; None: it is on the stack, in eight bytes."""
    jump: str
    """The register that `trap` jumps to."""
    trap: bytes
    """One instruction: jump to the address in `jump`."""
    thumb: int
    """Bit 0 of a code address."""
    aligned: bool
    """Unaligned words fault."""


def _registers(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in names)


def _cortex_m(arch: str, name: str, model: str, aligned: bool) -> Core:
    return Core(
        arch,
        name,
        constants="arm_const",
        unicorn=("UC_ARCH_ARM", "UC_MODE_THUMB", "UC_MODE_MCLASS"),
        model=model,
        capstone=("CS_ARCH_ARM", "CS_MODE_THUMB", "CS_MODE_MCLASS"),
        arguments=_registers("UC_ARM_REG_", "R0", "R1", "R2", "R3"),
        result="UC_ARM_REG_R0",
        saved=_registers("UC_ARM_REG_", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11"),
        pc="UC_ARM_REG_PC",
        sp="UC_ARM_REG_SP",
        link="UC_ARM_REG_LR",
        jump="UC_ARM_REG_R12",
        trap=b"\x60\x47",  # bx r12
        thumb=1,
        aligned=aligned,
    )


_RISCV = Core(
    "rv32imc",
    "RV32IMC",
    constants="riscv_const",
    unicorn=("UC_ARCH_RISCV", "UC_MODE_RISCV32"),
    model=None,
    capstone=("CS_ARCH_RISCV", "CS_MODE_RISCV32", "CS_MODE_RISCVC"),
    arguments=_registers("UC_RISCV_REG_", "A0", "A1", "A2", "A3"),
    result="UC_RISCV_REG_A0",
    saved=_registers("UC_RISCV_REG_", *(f"S{i}" for i in range(12))),
    pc="UC_RISCV_REG_PC",
    sp="UC_RISCV_REG_SP",
    link="UC_RISCV_REG_RA",
    jump="UC_RISCV_REG_T0",
    trap=b"\x82\x82",  # c.jr t0
    thumb=0,
    aligned=True,
)

X64 = Core(  # this computer's own, so that kernels for the emulated board run between guard pages too
    "x64",
    "x86-64",
    constants="x86_const",
    unicorn=("UC_ARCH_X86", "UC_MODE_64"),
    model=None,
    capstone=("CS_ARCH_X86", "CS_MODE_64"),
    arguments=_registers("UC_X86_REG_", "RDI", "RSI", "RDX", "RCX"),
    result="UC_X86_REG_RAX",
    saved=_registers("UC_X86_REG_", "RBX", "RBP", "R12", "R13", "R14", "R15"),
    pc="UC_X86_REG_RIP",
    sp="UC_X86_REG_RSP",
    link=None,
    jump="UC_X86_REG_RAX",
    trap=b"\xc3",  # ret
    thumb=0,
    aligned=False,
)

CORES = {
    core.arch: core
    for core in (
        _cortex_m("armv6m", "Cortex-M0+", "UC_CPU_ARM_CORTEX_M0", aligned=True),
        _cortex_m("armv7m", "Cortex-M3", "UC_CPU_ARM_CORTEX_M3", aligned=False),
        _cortex_m("armv7emsp", "Cortex-M4", "UC_CPU_ARM_CORTEX_M4", aligned=False),
        _cortex_m("armv7emdp", "Cortex-M7", "UC_CPU_ARM_CORTEX_M7", aligned=False),
        _RISCV,
    )
}
