# SPDX-License-Identifier: MIT
"""A kmodel that the file system has no room for, into a K210's flash by kflash: as a .kfpkg, at an address.

large = kmodel.beside(model, known)             # (address, bytes), or None
kmodel.write(known, "/dev/ttyUSB0", *large)
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from galago.boards import BoardSpec
from galago.flash import firmware
from galago.runtimes.k210 import NAME, beside

__all__ = ["beside", "package", "write"]


def write(
    known: BoardSpec, port: str, address: int, data: bytes, on_line: Callable[[str], None] = lambda line: None
) -> None:
    """Runs kflash; the port must be free, and the board restarts.

    Raises GalagoError firmware.tool where kflash is missing, firmware.failed with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        image = Path(folder) / "kmodel.kfpkg"
        image.write_bytes(package(address, data))
        firmware.run(firmware.choose(known, image), known, port, image, on_line)


def package(address: int, data: bytes) -> bytes:
    """A .kfpkg: a zip of the file and a list that says where it goes."""
    entry = {"address": address, "bin": NAME, "sha256Prefix": False}
    listed = json.dumps({"version": "0.1.0", "files": [entry]}, indent=1)  # kflash reads it line by line
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flash-list.json", listed)
        archive.writestr(NAME, data)
    return file.getvalue()
