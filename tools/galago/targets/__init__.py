# SPDX-License-Identifier: MIT
"""Model formats other than .tflite: one converter and one simulator for each.

k210        kmodels for the Kendryte K210's KPU
k230        kmodels for the K230, through Canaan's nncase
tinymaix    TinyMaix's .tmdl, for emlearn
"""
