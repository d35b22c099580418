# SPDX-License-Identifier: MIT
"""Writes the table of whole pictures in docs/benchmarks.md: from a file or a frame to classes.

    GALAGO_AN500_IMAGE=firmware.elf python -m docgen.photos docs/benchmarks.md

`make photos` runs it on the QEMU chips of chip_runs.py whose images the environment names; the others keep
the figures of their last run, from photos.json. The photo is scikit-image's chelsea, cropped to each size.
"""

import argparse
import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from PIL import ImageOps

from docgen.chip_runs import CHIPS, MODEL, Chip, standard
from docgen.table import table
from galago import boards, flash, models, transport
from galago.emulator import littlefs

FIGURES = Path(__file__).with_name("photos.json")
_PICTURES = (("jpg", (320, 240)), ("jpg", (640, 480)), ("jpg", (1600, 1200)), ("bmp", (320, 240)))
_FRAME = "RGB565 frame, 320x240"
_ROUNDS = 3
_PROGRAM = """
import json, time
frame = bytearray(320 * 240 * 2)
from mobilenet import Classifier
from mobilenet.camera.frame import Frame
from mobilenet.image import Resizer
net = Classifier({path!r})
found = {{}}
for name in {names!r}:
    next(iter(net.classify("/p/" + name)))
    found[name] = []
    for _ in range({rounds}):
        found[name].append(next(iter(net.classify("/p/" + name))).us)
resizer, tensor = Resizer(96, 96), bytearray(96 * 96 * 3)
found["frame"] = []
for _ in range({rounds}):
    start = time.ticks_us()
    resizer.us_resize = 0
    resizer.take(Frame(frame, 320, 240, "rgb565"), tensor)
    us = time.ticks_diff(time.ticks_us(), start)
    found["frame"].append({{"read": us - resizer.us_resize, "resize": resizer.us_resize}})
print(json.dumps(found))
"""


def main() -> None:
    """Runs the chips that the environment names, and replaces the table of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    figures = read_figures()
    for chip in CHIPS:
        image = os.environ.get(chip.variable)
        if image and chip.machine:
            figures[chip.core] = _run(chip, Path(image))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    text = re.sub(
        r"## From a photo to classes\n.*?(?=\n## )",
        lambda _: section(figures),
        page.read_text(encoding="utf-8"),
        flags=re.S,
    )
    page.write_text(text, encoding="utf-8")


def read_figures() -> dict[str, Any]:
    """By core and picture, the mean microseconds of each step."""
    return json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}


def section(figures: dict[str, Any]) -> str:
    """The section of the page."""
    rows = []
    for chip in CHIPS:
        for name, us in figures.get(chip.core, {}).items():
            steps = [us[step] for step in ("read", "resize", "invoke")]
            counts = [f"{step * chip.per_us / 1e6:.1f} M" for step in (*steps, sum(steps))]
            rows.append((chip.core, name, *counts))
    return f"""## From a photo to classes

What a whole picture takes for {MODEL} on MicroPython's own firmware in QEMU, in instructions: to read and
decode it, to crop and resize it, and to run the network. All Python, file system and garbage collection are
included; each figure is the mean of {_ROUNDS} pictures after the first. JPEGs are of quality 85, 4:2:0.
`make photos` measures this again. For comparison, JPEGDEC, which is C (-O2, counted in the same QEMU),
decodes the three JPEGs in full in 5.9, 21.5 and 119 M instructions, and at a quarter of their size in 1.3,
4.4 and 21 M.

{table(("chip", "picture", "read", "fit", "invoke", "all"), rows, right=range(2, 6))}"""


def _run(chip: Chip, image: Path) -> dict[str, dict[str, float]]:
    model = models.find(MODEL)
    files = flash.seed(model, boards.load(chip.board))
    names = {}
    for kind, size in _PICTURES:
        file = io.BytesIO()
        photo = ImageOps.fit(standard("chelsea.png"), size)
        photo.save(file, "BMP") if kind == "bmp" else photo.save(file, "JPEG", quality=85, subsampling=2)
        names[f"{size[0]}.{kind}"] = f"{'JPEG' if kind == 'jpg' else 'BMP'}, {size[0]}x{size[1]}"
        files[f"/p/{size[0]}.{kind}"] = file.getvalue()
    program = _PROGRAM.format(path=flash.remote_path(model), names=list(names), rounds=_ROUNDS)
    with tempfile.TemporaryDirectory(prefix="galago-") as folder:
        storage = Path(folder) / "flash"
        storage.write_bytes(littlefs.build(files, 2 << 20))
        with chip.emulated(image, storage) as emulated, transport.connect(emulated.port) as board:
            board.soft_reset()
            answer = json.loads(board.exec(program, timeout=3600).strip().splitlines()[-1])
    found = {
        names[name]: {step: sum(each[step] for each in answer[name]) / _ROUNDS for step in answer[name][0]}
        for name in names
    }
    invoke = found[names["320.bmp"]]["invoke"]
    frame = {step: sum(each[step] for each in answer["frame"]) / _ROUNDS for step in ("read", "resize")}
    return {**found, _FRAME: {**frame, "invoke": invoke}}


if __name__ == "__main__":
    main()
