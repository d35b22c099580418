# SPDX-License-Identifier: MIT
"""Which machine runs an architecture's code on this computer: Unicorn's, or QEMU's for Xtensa and Helium.

machine = machines.create("xtensawin", strict=True)
machines.missing("xtensawin")          # why this computer has none, or None
"""

import importlib.util
from typing import TYPE_CHECKING, cast

from galago.native.verify import cortex_m55, qemu_xtensa
from galago.native.verify.cores import CORES, X64, Core
from galago.native.verify.cortex_m55 import M55, M55Machine
from galago.native.verify.qemu_xtensa import XTENSA, XtensaCore, XtensaMachine

if TYPE_CHECKING:
    from galago.native.verify.machine import Machine

ARCHITECTURES = (*CORES, XTENSA.arch, X64.arch, M55.arch)


def missing(arch: str) -> str | None:
    """Why this computer cannot run an architecture's code, or None if it can."""
    if arch == XTENSA.arch:
        return qemu_xtensa.missing()
    if arch == M55.arch:
        return cortex_m55.missing()
    absent = [name for name in ("unicorn", "capstone") if importlib.util.find_spec(name) is None]
    return f"no package {absent[0]} here" if absent else None


def core(arch: str) -> "Core | XtensaCore":
    """The core of a 32-bit architecture."""
    return XTENSA if arch == XTENSA.arch else CORES[arch]


def create(arch: str, strict: bool = False, counting: bool = True) -> "Machine":
    """A machine of an architecture. Raises GalagoError native.emulator where its emulator is missing."""
    if arch == XTENSA.arch:
        return cast("Machine", XtensaMachine(strict))  # which has the same methods
    if arch == M55.arch:
        return cast("Machine", M55Machine(strict))  # which has those that a Trial needs
    from galago.native.verify.machine import Machine  # needs unicorn and capstone, which this module does not

    return Machine(X64 if arch == X64.arch else CORES[arch], strict, counting)
