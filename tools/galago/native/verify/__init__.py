# SPDX-License-Identifier: MIT
"""Runs generated machine code on the host, in instruction-set emulators: guarded memory, exact counts.

machines.py   which emulator runs the code of an architecture
cores.py      the cores of 32-bit boards, by the names that Unicorn and capstone use
memory.py     buffers in a machine's memory
machine.py    a core with guarded memory that counts instructions, in Unicorn
qemu_xtensa.py, qemu_xtensa_log.py, qemu_xtensa_monitor.py   the same for Xtensa, in QEMU
cortex_m55.py, gdb.py   the same for Helium, in QEMU
runtime.py    just enough of MicroPython's runtime to call a viper function
device.py     the device package on such a core
trial.py      the kernels of one layer, each buffer alone between guard pages
count.py      a whole model: every tensor compared with TFLM's, instructions counted
"""
