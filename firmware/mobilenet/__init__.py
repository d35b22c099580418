# SPDX-License-Identifier: MIT
"""Image classification on a microcontroller, with nothing but MicroPython.

from mobilenet import Classifier
net = Classifier("/models/everyday-v1-025-96")
for result in net.classify("cat.jpg", "cup.bmp", top=3):
    print(result)
"""

_HOMES = {"Classifier": "classifier", "GalagoError": "errors"}


def __getattr__(name):
    # Imports are lazy, so that using one module of the package does not cost the heap of the others.
    # MicroPython also looks up submodules here (`from mobilenet import report`).
    if name.startswith("_"):
        raise AttributeError(name)
    module = __import__("mobilenet." + _HOMES.get(name, name), None, None, (name,))
    return getattr(module, name) if name in _HOMES else module
