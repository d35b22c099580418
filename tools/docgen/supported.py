# SPDX-License-Identifier: MIT
"""The page of what is supported: models, operators of the engine, pictures. Made when the site is built.

print(supported.page())
"""

import ast
from pathlib import Path

from docgen.table import table
from galago import models, pictures
from galago.resources import firmware_dir

_PAGE = """# What is supported

## Models

Full-int8 `.tflite` classifiers with one picture as input, of 1 or 3 channels, and one score per class:
MobileNet V1 and V2 of any width and size, and other convolutional networks of the operators below.
`galago import` makes a model directory of a public model, `galago quantize` of a Keras model, `galago train`
of photos. Shipped are {shipped}; `galago zoo` lists the pretrained ones.
[Which runtime runs what](runtimes.md)

## Operators of the built-in engine

Each equals TensorFlow Lite Micro byte for byte. A model with another operator is refused, and the operator
named.

{operators}

## Pictures

| where | formats |
|---|---|
| on the board, by itself | baseline JPEG, BMP, PPM, PGM, raw RGB ([details](pictures.md)) |
| on the computer, which converts for the board | {suffixes} |
"""


def page() -> str:
    """Returns the page."""
    folder = firmware_dir() / "mobilenet" / "tflite" / "operators"
    rows = [(f"`{path.stem.upper()}`", _sentence(path)) for path in sorted(folder.glob("[a-z]*.py"))]
    return _PAGE.format(
        shipped=", ".join(f"`{name}`" for name in models.shipped_names()),
        operators=table(("operator", "what the engine checks"), rows).rstrip(),
        suffixes=", ".join(f"`{suffix}`" for suffix in sorted(pictures.SUFFIXES)),
    )


def _sentence(path: Path) -> str:
    """Returns the first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
