# SPDX-License-Identifier: MIT
"""Write a kmodel that is too large for the file system into a K210's flash, with kflash, at an address.

large = kmodel.large_kmodel(model, known)             # (address, bytes), or None
kmodel.write(known, "/dev/ttyUSB0", *large)
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from galago.boards import BoardSpec
from galago.flash import micropython_image
from galago.runtimes.k210_kmodel import NAME, large_kmodel

__all__ = ["large_kmodel", "package", "write"]


def write(
    known: BoardSpec, port: str, address: int, data: bytes, on_line: Callable[[str], None] = lambda line: None
) -> None:
    """Run kflash; the port must be free, and the board restarts.

    Raises GalagoError firmware.tool if kflash is missing, firmware.failed with the last line of its output.
    """
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        image = Path(folder) / "kmodel.kfpkg"
        image.write_bytes(package(address, data))
        tool = micropython_image.choose_tool(known, image)
        micropython_image.install(tool, known, port, image, on_line)


def package(address: int, data: bytes) -> bytes:
    """Return a .kfpkg: a zip of the file and a list that says at which address it goes."""
    entry = {"address": address, "bin": NAME, "sha256Prefix": False}
    file_list = json.dumps({"version": "0.1.0", "files": [entry]}, indent=1)  # kflash reads it line by line
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flash-list.json", file_list)
        archive.writestr(NAME, data)
    return file.getvalue()
