# SPDX-License-Identifier: MIT
"""Machine code for boards: what generates it, the .mpy files that hold it, and emulators that run it here.

    kernels/      generates machine code for the layers of a model (their records: galago.tflite.records)
    compiler/     compiles viper functions of the device package
    assemblers/   an assembler for each instruction set
    mpy/          reads and writes .mpy files (ABI 6.3)
    verify/       runs the code in emulators, between guard pages, and counts its instructions

verify/ needs the packages `unicorn` and `capstone` (extra `test`), for Xtensa `qemu-xtensa` (Debian:
qemu-user), for Helium `qemu-system-arm`.
"""
