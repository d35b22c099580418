# SPDX-License-Identifier: MIT
"""The device package for firmwares that load no machine code and run models themselves, as on a K230.

    package()           # path on the board → bytes of the .mpy, which holds bytecode alone

The built-in engine, the decoders and the resize are machine code, so they are left out: the firmware has its
own. Native functions, which are Python, become bytecode.
"""

import functools
import re
from pathlib import Path

from galago.native import mpy
from galago.resources import firmware_dir

_MODULES = (
    *("galago_switch.py", "mobilenet/*.py", "mobilenet/outputs/*.py", "mobilenet/image/picture.py"),
    *(f"mobilenet/backends/{name}.py" for name in ("__init__", "golden", "canmv_k230")),
    *(f"mobilenet/camera/{name}.py" for name in ("__init__", "driver", "frame", "canmv_k230")),
)
_NATIVE = re.compile(r"^ *@micropython\.native\b.*\n", re.MULTILINE)


def package() -> dict[str, bytes]:
    """Return all files but main.py."""
    return dict(_compiled())


@functools.cache
def _compiled() -> tuple[tuple[str, bytes], ...]:
    firmware = firmware_dir()
    sources = sorted(source for pattern in _MODULES for source in firmware.glob(pattern))
    return tuple(_compile(source, source.relative_to(firmware)) for source in sources)


def _compile(source: Path, name: Path) -> tuple[str, bytes]:
    text = _NATIVE.sub("", source.read_text(encoding="utf-8"))
    return f"/lib/{name.with_suffix('.mpy').as_posix()}", mpy.compile(text, "", name.as_posix())
