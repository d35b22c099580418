# SPDX-License-Identifier: MIT
"""Models of other programs as model directories.

    options = importer.Options(labels=Path("labels.txt"))
    done = importer.import_model(Path("trained.tflite"), Path("models/mine"), options)
    done.model, done.facts

source        what a file or folder is: .tflite, Keras, ONNX, SavedModel, zip, C array      (archive, c_array)
keras_model   Keras files and SavedModels as float .tflite; onnx_model: ONNX files
reading       any .tflite as int8 from end to end        (graph, shapes, ends, refusals, metadata)
floats        float .tflite: calibrated to int8
ranges        which numbers the network expects for pixels
pipeline      import_model(): all of it, in order
cache         where files that verbs import on the fly are kept
"""

from galago.importer.cache import cache_path
from galago.importer.pipeline import Imported, Options, import_model, integer_tflite
from galago.importer.source import SUFFIXES

__all__ = ["SUFFIXES", "Imported", "Options", "cache_path", "import_model", "integer_tflite"]
