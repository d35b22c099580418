# SPDX-License-Identifier: MIT
"""The built-in engine runs a full-int8 .tflite on stock MicroPython, byte for byte as TensorFlow Lite Micro.

from mobilenet.tflite import Interpreter

net = Interpreter("/models/everyday-v1-025-96/model.tflite")
net.input[:] = picture          # int8 as raw bytes: value & 255
net.invoke()
print(net.output[0])            # 0 … 255: int8 as a raw byte
net.close()
"""

from .interpreter import Interpreter

__all__ = ("Interpreter",)
