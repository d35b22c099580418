# SPDX-License-Identifier: MIT
"""Which machine runs an architecture's code on this computer: Unicorn's, or QEMU's for Xtensa.

machine = machines.create("xtensawin", strict=True)
machines.missing("xtensawin")          # why there is none here, or None
"""

from typing import cast

from galago.native.verify import qemu_xtensa
from galago.native.verify.cores import CORES, X64
from galago.native.verify.machine import Machine
from galago.native.verify.qemu_xtensa import XTENSA, XtensaMachine

ARCHITECTURES = (*CORES, XTENSA.arch, X64.arch)


def missing(arch: str) -> str | None:
    """Why an architecture's code cannot be run here, or None."""
    return qemu_xtensa.missing() if arch == XTENSA.arch else None


def create(arch: str, strict: bool = False) -> Machine:
    """A machine of an architecture. Raises GalagoError native.emulator where `missing` says why."""
    if arch == XTENSA.arch:
        return cast(Machine, XtensaMachine(strict))  # which offers the same
    return Machine(X64 if arch == X64.arch else CORES[arch], strict)
