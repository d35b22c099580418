# SPDX-License-Identifier: MIT
"""Pictures on the board: decoders by magic number, and the crop and resize to a model's input.

    resizer = Resizer(96, 96, channels=3, resize="crop")
    resizer.read("cat.jpg", interpreter.input)

    with open_picture("cat.jpg") as picture:            # or its rows as they are
        for row in picture.rows(0, 0, picture.width, picture.height):
            print(picture.layout, bytes(row))

A decoder is imported when a picture needs it.
"""

from .picture import open_picture as open_picture
from .resize import Resizer as Resizer
