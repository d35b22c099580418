# SPDX-License-Identifier: MIT
"""Everything the host does with the bytes of a .tflite file.

summary     its layers, with shapes and MACs                 summary.layers(data)
graph       a checked, read-only graph for compilers         Graph.read(data)
edit        an editable graph for quantization               edit.Graph(data)
tflm        TensorFlow Lite Micro, the reference             Tflm(data).run(picture)
engine      the device's own engine, run on the host         engine.plan(data)
records     the layer records that engine makes              records.read(data)
"""
