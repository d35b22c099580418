# SPDX-License-Identifier: MIT
"""Kendryte K210: kmodels read and written, simulated, and compiled from int8 TFLite.

kmodel.py       the file format, version 3; layers.py and conv.py: its layers
registers.py    what one layer tells the KPU: twelve 64-bit words, and two tables
layout.py       how feature maps lie in the KPU's RAM
kpu.py          the KPU's arithmetic; cycles.py: its time
simulator.py    runs a kmodel
graph.py        reads a .tflite
padding.py features.py head.py    map its layers to the K210's, from the picture to the scores
convolution.py addition.py        a layer's weights
rounding.py arithmetic.py lanes.py    TFLite's rounding, and how the KPU does the same
memory.py       says where everything lies
compiler.py     the way from .tflite to kmodel

docs/k210.md says what this rests on and what only silicon can tell.
"""
