# SPDX-License-Identifier: MIT
"""Post-training quantization: a Keras model and calibration photos in, a model directory out.

    info = quantize.ModelInfo("mine", labels=["cat", "cup"])
    model = quantize.build("network.keras", Path("photos"), Path("models/mine"), info)

The resulting .tflite is full int8, with per-channel symmetric weights. It takes one picture at a time as
int8 = pixel - 128 (scale 1/128, zero point 0) and ends in a softmax (scale 1/256, zero point -128).

pipeline      build(): all steps below, in order
keras_model   loads a Keras model and checks that it can be quantized
calibration   photos as calibration pictures
conversion    TensorFlow's converter, to int8 and to float
refine        corrects weights (rounding), biases and ranges (ranges) after conversion
fake_quant    what an int8 model computes, in TensorFlow
measurement   MACs, arena size and golden outputs for model.json
"""

from galago.quantize.calibration import CALIBRATION_PHOTOS, calibration_pixels, with_black_and_white
from galago.quantize.conversion import INPUT, OUTPUT, convert, convert_float
from galago.quantize.keras_model import load, with_softmax
from galago.quantize.measurement import GOLDEN
from galago.quantize.pipeline import ModelInfo, build

__all__ = [
    "CALIBRATION_PHOTOS",
    "GOLDEN",
    "INPUT",
    "OUTPUT",
    "ModelInfo",
    "build",
    "calibration_pixels",
    "convert",
    "convert_float",
    "load",
    "with_black_and_white",
    "with_softmax",
]
