# SPDX-License-Identifier: MIT
"""Kernels for processors that multiply one pair of numbers at a time: RISC-V, Xtensa, Cortex-M0+.

    function.py      the instructions that all of them have, under one name each, and a function's frame
    gather.py        windows laid out in scratch
    convolution.py   CONV_2D and FULLY_CONNECTED but for the blocks of sums, where the time goes
    depthwise.py     DEPTHWISE_CONV_2D but for the sums of a row
    scales.py        the engine's tables; table.py: as kernels take them
    grouping.py      which function computes which layer

What is here runs once for many sums and is written for eight registers, so that it serves all. An instruction
set's own package has the functions' inner parts, and says how a function is put together from both.
"""
