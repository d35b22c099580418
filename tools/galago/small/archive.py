# SPDX-License-Identifier: MIT
"""The archive of the small form: deflated files that firmware/small/__init__.py mounts.

data = pack({"core.mpy": b"…", "network": b"…"}, version="1f2e…", arena=10_256)
"""

import json
import zlib
from collections.abc import Collection

_LARGE = 4096
"""From so many bytes on, a window of 2 KB pays: kernels for several strides have most bytes in common."""
_WINDOWS = 9, 11  # bits: so much heap is taken while a file is read, on top of 1.5 KB


def pack(files: dict[str, bytes], version: str, arena: int, plain: Collection[str] = ()) -> bytes:
    """One file of all, after a line of JSON: where each begins behind it with the bits of its window, and the
    CRC-32 of all. Those in `plain` are not deflated: they have no window.

    `version` tells device packages apart, for `galago doctor`; `arena` is how many bytes the model needs in
    one piece, which a board takes before anything else.
    """
    body, places = b"", dict[str, tuple[int, int]]()
    for name, data in files.items():
        window = 0 if name in plain else _WINDOWS[len(data) >= _LARGE]
        places[name] = len(body), window
        body += _deflated(data, window) if window else data
    head = {"version": version, "arena": arena, "crc32": zlib.crc32(body), "files": places}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + body


def _deflated(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -window)
    return packer.compress(data) + packer.flush()


def version_of(archive: bytes) -> str:
    """The `version` of an archive; empty if it is none."""
    try:
        return str(json.loads(archive.partition(b"\n")[0])["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
