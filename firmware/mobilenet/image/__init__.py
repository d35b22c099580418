# SPDX-License-Identifier: MIT
"""Pictures on the board: decoders by magic number, and the crop and resize to a model's input.

    fitter = Fitter(96, 96, channels=3, fit="crop")
    fitter.read("cat.jpg", interpreter.input)

    with open_picture("cat.jpg") as picture:            # or its rows as they are
        for row in picture.rows(0, 0, picture.width, picture.height):
            print(picture.layout, bytes(row))

A decoder is imported when a picture needs it.
"""

from .fit import Fitter as Fitter
from .picture import open_picture as open_picture
