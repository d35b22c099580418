# SPDX-License-Identifier: MIT
"""What files and folders take in a board's file system, in whole blocks.

    file_system.bytes_of({"/lib/mobilenet/core.mpy": 900, "/models/m/model.tflite": 54_248}, block=512)

`block` is 512 bytes on the FAT file systems of MicroPython's boards, and 4,096 on a LittleFS.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

_LITTLEFS_BLOCK = 4_096
_PAIR, _NAMES = 2, 32  # blocks of a metadata pair, and the files of a folder for which one is enough
_ENTRY = 32  # bytes of a FAT; a file takes one, and one more for each 13 characters of its name
_CHARACTERS = 13
_DOTS = 2  # entries of "." and ".."
_SUFFIX = len(".new")  # that a file's name has while it arrives


def bytes_of(sizes: Mapping[str, int], block: int) -> int:
    """Bytes that files take with all folders above them; `sizes` maps absolute paths to bytes."""
    folders = entries(sizes)
    blocks = sum(-(-size // block) for size in sizes.values())
    return block * (blocks + sum(folder_blocks(names, block) for names in folders.values()))


def entries(paths: Iterable[str]) -> dict[str, set[str]]:
    """The names that paths need in each folder, by the folder's path; the root has its place already."""
    folders = defaultdict(set[str])
    for path in paths:
        folder, _, name = path.rpartition("/")
        while folder and name not in folders[folder]:
            folders[folder].add(name)
            folder, _, name = folder.rpartition("/")
    return dict(folders)


def folder_blocks(names: Collection[str], block: int) -> int:
    """Blocks that a folder with these entries takes, while they arrive as well."""
    if block >= _LITTLEFS_BLOCK:
        return _PAIR * max(1, -(-len(names) // _NAMES))
    count = _DOTS + sum(1 + -(-(len(name) + _SUFFIX) // _CHARACTERS) for name in names)
    return -(-count * _ENTRY // block)
