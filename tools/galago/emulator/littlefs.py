# SPDX-License-Identifier: MIT
"""Images of the file system that MicroPython keeps in flash, built and read on the host.

    image = build({"/lib/mobilenet/__init__.mpy": data}, size=1_441_792)
    read(image)["/lib/mobilenet/__init__.mpy"]

They are LittleFS with the block size of the chips' flash. The work is littlefs-python's (extra `chips`).
"""

from collections.abc import Mapping
from typing import Any

from galago.emulator.storage import BLOCK
from galago.errors import GalagoError
from galago.resources import install_command

PAGE = 256  # bytes that flash programs at once; the ports of rp2 and mimxrt write no less
_DISK_VERSION = 0x0002_0000  # 2.0, which every MicroPython with LittleFS 2 mounts; 2.1 came with 1.22


def build(files: Mapping[str, bytes], size: int) -> bytes:
    """An image of `size` bytes that holds these files, path → content.

    Raises GalagoError board.storage if they do not fit, config.missing without littlefs-python.
    """
    littlefs = _library()
    system = littlefs.LittleFS(
        block_size=BLOCK, block_count=size // BLOCK, prog_size=PAGE, disk_version=_DISK_VERSION
    )
    try:
        for path, data in files.items():
            system.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(data)
    except littlefs.LittleFSError as error:
        total = sum(map(len, files.values()))
        raise GalagoError(
            "board.storage",
            f"{len(files)} files of {total:,} bytes do not fit into a file system of {size:,} bytes "
            f"({error}): choose a smaller model",
        ) from error
    return bytes(system.context.buffer)


def read(image: bytes) -> dict[str, bytes]:
    """The files of an image, path → content.

    Raises GalagoError board.storage if it holds no LittleFS or a damaged one, config.missing as `build`.
    """
    littlefs = _library()
    context = littlefs.UserContext(buffer=bytearray(image))
    system = littlefs.LittleFS(
        context, mount=False, block_size=BLOCK, block_count=len(image) // BLOCK, prog_size=PAGE
    )
    files = {}
    try:
        system.mount()
        for folder, _, names in system.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with system.open(path, "rb") as file:
                    files[path] = file.read()
    except littlefs.LittleFSError as error:
        raise GalagoError(
            "board.storage",
            f"expected a LittleFS of {len(image) // BLOCK} blocks, found none that can be read ({error}): "
            "choose another file, or remove this one to start with a new file system",
        ) from error
    return files


def _library() -> Any:
    try:
        import littlefs
    except ImportError as error:
        raise GalagoError(
            "config.missing", f"littlefs-python is not installed ({error}): {install_command('chips')}"
        ) from error
    return littlefs
