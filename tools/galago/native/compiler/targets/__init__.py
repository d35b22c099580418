# SPDX-License-Identifier: MIT
"""Processors that the compiler writes code for: a module each, named in TARGETS.

A new one needs a subclass of target.Target, an assembler, and a core in native/verify.
"""

from galago.native.compiler.target import Target
from galago.native.compiler.targets.riscv import RiscvTarget
from galago.native.compiler.targets.thumb import ThumbTarget
from galago.native.compiler.targets.thumb2 import Thumb2Target
from galago.native.compiler.targets.x64 import X64Target
from galago.native.compiler.targets.xtensa import XtensaTarget

TARGETS: dict[str, type[Target]] = {
    "armv6m": ThumbTarget,
    "armv7m": Thumb2Target,
    "armv7em": Thumb2Target,
    "armv7emsp": Thumb2Target,
    "armv7emdp": Thumb2Target,
    "helium": Thumb2Target,
    "rv32imc": RiscvTarget,
    "xtensawin": XtensaTarget,
    "x64": X64Target,
}
"""Architecture, as mpy-cross names it → its target."""
