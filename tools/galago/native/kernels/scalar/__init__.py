# SPDX-License-Identifier: MIT
"""Kernels for processors that multiply one pair of numbers at a time: RISC-V, Xtensa, Cortex-M0+.

    function.py      the instructions that all of them have, under common names, and a function's frame
    gather.py        copies windows to scratch; window_sums.py adds them up where weights have a zero point
    convolution.py   CONV_2D and FULLY_CONNECTED, except the blocks of sums, where the time is spent
    depthwise.py     DEPTHWISE_CONV_2D, except the sums of a row
    scales.py        fills the engine's tables; table.py prepares them for the kernels
    grouping.py      which function computes which layer

This code runs once for many sums and uses eight registers, so that it works for all of them. The package of
an instruction set has the inner parts of the functions, and combines both.
"""
