# SPDX-License-Identifier: MIT
"""Kendryte K210: a compiler from int8 TFLite to kmodels, and a simulator of the chip.

compiler.py         the whole way: .tflite → kmodel
lowering/           TFLite operators → layers of the KPU and the CPU
requantization/     TFLite's rounding → batch norm words and an activation table
memory_plan.py      assigns addresses in KPU RAM and main RAM

kmodel.py           the file format, version 3
layer.py            what all its layers have in common: fields ↔ bytes, bounds checks
cpu_layers.py       the layers that the CPU runs
kpu_conv.py         the layer that the KPU runs; registers.py: its registers and tables

simulator.py        runs a kmodel
kpu_arithmetic.py   the KPU's arithmetic, bit by bit
kpu_ram.py          the layout of feature maps in KPU RAM
cycle_model.py      an estimate of the KPU's time

docs/k210.md says what this rests on and what only silicon can tell.
"""
