# SPDX-License-Identifier: MIT
"""Machine code for boards: what is inside a .mpy file, and a machine that runs it on this computer.

    mpy/        reads and writes .mpy files (ABI 6.3)
    cores.py    the instruction sets of 32-bit boards, as Unicorn and capstone know them
    machine.py  a core with guarded memory, which counts instructions
    runtime.py  just enough of MicroPython's runtime to call a viper function
    device.py   the device package on such a core
    count.py    a whole model there: tensors compared with TFLM's, instructions counted
    records.py  the layers of a model as the engine on the board sees them
    kernels/    makes machine code for them

All that runs code here needs the packages `unicorn` and `capstone` (extra `test`).
"""
