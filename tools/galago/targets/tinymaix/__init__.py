# SPDX-License-Identifier: MIT
"""TinyMaix, the runtime of emlearn-micropython's CNN modules: its format, its arithmetic and a converter.

tmdl.py             the .tmdl format, read and written
simulator.py        runs a .tmdl with TinyMaix's arithmetic, bit for bit
converter.py        int8 .tflite → .tmdl
truncation_bias.py  corrects biases for TinyMaix truncating where TensorFlow Lite Micro rounds
"""
