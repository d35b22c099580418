# SPDX-License-Identifier: MIT
"""Firmware images for the RP2040 in Microsoft's format UF2 (github.com/microsoft/uf2).

flash = read(Path("RPI_PICO.uf2"), size=2 << 20)      # the content of the flash, from its first byte on
"""

import struct
from pathlib import Path

from galago.errors import GalagoError

_BLOCK = 512  # bytes
_HEAD = struct.Struct("<8I")  # two magic numbers, flags, address, size, number, count, family
_MAGIC, _MAGIC_END = (0x0A324655, 0x9E5D5157), 0x0AB16F30
_MOST = 476  # bytes of data in a block
_NOT_MAIN_FLASH, _HAS_FAMILY = 0x1, 0x2000
_RP2040 = 0xE48BFF56
_FAMILIES = {  # of the chips that an image may be mistaken for
    0xE48BFF57: "the RP2 family's absolute blocks",
    0xE48BFF59: "an RP2350",
    0xE48BFF5A: "an RP2350 with RISC-V cores",
    0xE48BFF5B: "an RP2350",
}
_FLASH = 0x10000000  # where the RP2040 sees its flash


def read(path: Path, size: int) -> bytes:
    """The flash that an image for the RP2040 fills, without the erased bytes behind it.

    `size` is that of the flash, in bytes. Raises GalagoError board.emulator for any other file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error
    if not data or len(data) % _BLOCK:
        raise _error(path, f"has {len(data):,} bytes, which is no whole number of UF2 blocks of {_BLOCK}")
    flash = bytearray()
    for start in range(0, len(data), _BLOCK):
        magic, end, flags, address, count, _, _, family = _HEAD.unpack_from(data, start)
        if (magic, end) != _MAGIC or data[start + _BLOCK - 4 : start + _BLOCK] != struct.pack(
            "<I", _MAGIC_END
        ):
            raise _error(path, f"has no UF2 block at byte {start:,}")
        if flags & _NOT_MAIN_FLASH:
            continue
        if flags & _HAS_FAMILY and family != _RP2040:
            raise _error(path, f"is for {_FAMILIES.get(family, f'another chip (family {family:#x})')}")
        offset = address - _FLASH
        if not 0 <= offset <= size - count or count > _MOST:
            raise _error(path, f"writes {count:,} bytes to {address:#x}, outside the flash of {size:,} bytes")
        flash += b"\xff" * (offset + count - len(flash))
        flash[offset : offset + count] = data[start + _HEAD.size : start + _HEAD.size + count]
    return bytes(flash)


def _error(path: Path, what: str) -> GalagoError:
    return GalagoError("board.emulator", f"{path} {what}: pass a MicroPython image for the RP2040 (.uf2)")
