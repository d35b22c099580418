# SPDX-License-Identifier: MIT
"""Machine code for boards: what makes it, what is in a .mpy file, and machines that run it here.

    records.py    the layers of a model as the engine on the board sees them
    kernels/      makes machine code for them
    assembler.py  what assemblers share; thumb.py, thumb2.py, riscv.py, xtensa.py, x64.py: instruction sets
    mpy/          reads and writes .mpy files (ABI 6.3)
    machines.py   which machine runs an architecture's code here
    cores.py      the instruction sets of 32-bit boards, as Unicorn and capstone know them
    machine.py    a core with guarded memory, which counts instructions: Unicorn
    qemu.py       the same of Xtensa: QEMU, its log (qemu_log.py) and a program in it (qemu_monitor.py)
    runtime.py    just enough of MicroPython's runtime to call a viper function
    device.py     the device package on such a core
    trial.py      the kernels of one layer on such a core, each buffer alone between guard pages
    count.py      a whole model there: tensors compared with TFLM's, instructions counted

What runs code here needs the packages `unicorn` and `capstone` (extra `test`), for Xtensa also `qemu-xtensa`
(Debian: qemu-user).
"""
