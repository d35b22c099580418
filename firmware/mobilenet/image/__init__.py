# SPDX-License-Identifier: MIT
"""Pictures on the board: decodes them, and crops and resizes them to a model's input.

    resizer = Resizer(96, 96, channels=3, resize="crop")
    resizer.read("cat.jpg", interpreter.input)

    with open_picture("cat.jpg") as picture:            # or its rows without resizing
        for row in picture.rows(0, 0, picture.width, picture.height):
            print(picture.layout, bytes(row))

Imports go one way: resize → formats → a decoder (bmp, jpeg, ppm, raw) → picture.
"""

from .formats import open_picture as open_picture
from .resize import Resizer as Resizer
