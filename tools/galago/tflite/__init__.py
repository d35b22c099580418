# SPDX-License-Identifier: MIT
"""Everything the host does with the bytes of a .tflite file.

schema      the file as typed objects, and back              schema.parse(data)
summary     its layers with shapes and MACs, its ends        summary.layers(data)
graph       a checked, read-only graph for compilers         Graph.read(data)
edit        a graph that can be changed, for quantization    EditableGraph(data)
build       a new file, operator by operator                 ShapeBuilder((1, 96, 96, 3))
engine      the device's own engine, run on the host         engine.plan(data)
records     the layer records that the engine makes          records.read(data)
tflm        TensorFlow Lite Micro, the reference             Tflm(data).run(picture)
exact       the same bytes as TensorFlow Lite Micro, in numpy   Exact(data).run(picture)
reference   the one of these that is installed               reference(data).run(picture)
legacy      uint8 models as int8, and back           legacy.to_int8(model)
arithmetic  TensorFlow Lite's fixed-point factors, softmax   quantize_multiplier(factors)

Bytes that are not a valid .tflite are GalagoError model.malformed in all of them.
"""
