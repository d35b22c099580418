# SPDX-License-Identifier: MIT
"""Models as C arrays, as `xxd -i` and Edge Impulse's Arduino libraries have them.

data = model_of(source)                # the bytes of the first array that is a .tflite, or None
names = labels_of(source)              # of Edge Impulse's model_variables.h, or None
"""

import re

_ARRAY = re.compile(rb"\[[^\]]*\][^={};]*=\s*\{([^{}]*)\}")
_NUMBER = re.compile(rb"0[xX][0-9a-fA-F]{1,2}|\d{1,3}")
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_IDENTIFIER = b"TFL3"
_CATEGORIES = re.compile(r"ei_classifier_inferencing_categories\w*\s*\[[^\]]*\]\s*=\s*\{([^}]*)\}")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def model_of(source: bytes) -> bytes | None:
    """The bytes of the first array in C source that is a .tflite; None if there is none."""
    for match in _ARRAY.finditer(source):
        body = _COMMENT.sub(b"", match[1])
        head = _bytes(body[:200])
        if head[4:8] == _IDENTIFIER:
            return _bytes(body)
    return None


def labels_of(source: str) -> list[str] | None:
    """The class names in Edge Impulse's model_variables.h; None if there are none."""
    found = _CATEGORIES.search(source)
    return _STRING.findall(found[1]) if found else None


def _bytes(text: bytes) -> bytes:
    return bytes(
        int(number, 0) & 255
        if number[:1] == b"0" and len(number) > 1 and number[1:2] in b"xX"
        else int(number) & 255
        for number in _NUMBER.findall(text)
    )
