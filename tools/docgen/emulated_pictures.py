# SPDX-License-Identifier: MIT
"""Times how long the interpreter of the emulated board takes for pictures, in viper and compiled.

measured()        # a table, of this computer

The same interpreter runs the device package as `galago flash` puts it on the emulated board, with and without
functions in picture.mpy. Each figure is the shortest of some runs, without the first import.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from docgen.table import table
from galago import micropython
from galago.dataset.drawn import drawn
from galago.fit import package
from galago.native.compiler import pictures
from galago.pictures import as_board
from galago.resources import firmware_dir

_ARCH, _SIZE, _RUNS = "x64", 96, 15
_KINDS = (("JPEG, 320x240", (240, 320)), ("JPEG, 640x480", (480, 640)), ("JPEG, 1600x1200", (1200, 1600)))
_SCRIPT = """
import json, time
from mobilenet.image import Resizer
found = []
for path in argv:
    tensor = bytearray(SIZE * SIZE * 3)
    resizer = Resizer(SIZE, SIZE)
    us = []
    for _ in range(RUNS):
        start = time.ticks_us()
        resizer.read(path, tensor)
        us.append(time.ticks_diff(time.ticks_us(), start))
    found.append((min(us), list(tensor)))
print(json.dumps(found))
"""


def measured() -> str:
    """The table."""
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        folder = Path(name)
        paths = [_picture(folder / f"{number}.jpg", size) for number, (_, size) in enumerate(_KINDS)]
        times = [_times(folder / str(arch), arch, paths) for arch in (None, _ARCH)]
    rows = [
        (kind, f"{viper / 1000:.1f} ms", f"{compiled / 1000:.1f} ms", f"{viper / compiled:.1f}")
        for (kind, _), viper, compiled in zip(_KINDS, *times, strict=True)
    ]
    return table(("picture", "viper", "compiled", "ratio"), rows, right=(1, 2, 3))


def _picture(path: Path, size: tuple[int, int]) -> Path:
    from PIL import Image

    Image.fromarray(drawn(3, (*size, 3))).save(path, quality=85, subsampling=2)
    return path


def _times(folder: Path, arch: str | None, paths: list[Path]) -> list[int]:
    """Microseconds to read each picture; checks the bytes."""
    for source, data in package.compiled(_ARCH).items():
        target = folder / "lib" / source.relative_to(firmware_dir()).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / "lib" / "mobilenet" / pictures.FILE).write_bytes(pictures.build(arch))
    script = _SCRIPT.replace("SIZE", str(_SIZE)).replace("RUNS", str(_RUNS))
    command = micropython.command("-X", "heapsize=16M", "-c", f"argv = {[str(p) for p in paths]!r}\n{script}")
    environment = {**os.environ, "MICROPYPATH": str(folder / "lib")}
    process = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=True, timeout=300, env=environment
    )
    found = json.loads(process.stdout.splitlines()[-1])
    for path, (_, tensor) in zip(paths, found, strict=True):
        if bytes(tensor) != as_board(path, _SIZE, _SIZE).tobytes():
            raise SystemExit(f"{path.name}: the picture differs from the host's")
    return [us for us, _ in found]
