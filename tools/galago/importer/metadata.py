# SPDX-License-Identifier: MIT
"""Labels inside a .tflite: TensorFlow's metadata writer appends a zip with text files to it.

names = metadata.labels_of(data)       # None if there are none
"""

import io
import zipfile

from galago import labels
from galago.importer.archive import Archive

_END = b"PK\x05\x06"  # of a zip's last record
_TAIL = 66_000  # bytes at the end of a file in which that record must be


def labels_of(data: bytes, encoding: str | None = None) -> list[str] | None:
    """The class names packed into a .tflite, or None. Raises GalagoError model.labels, model.malformed."""
    if _END not in data[-_TAIL:]:
        return None
    try:
        file = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        return None  # the four bytes were weights
    with file:
        archive = Archive("the zip in the .tflite", file)
        texts = [name for name in archive.names if name.lower().endswith((".txt", ".pbtxt"))]
        chosen = [name for name in texts if "label" in name.lower()] or texts
        return labels.parsed(archive.read(chosen[0]), chosen[0], encoding) if chosen else None
