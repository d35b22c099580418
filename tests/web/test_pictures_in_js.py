# SPDX-License-Identifier: MIT
"""Pictures in JavaScript give the board's bytes, and its error codes: galago.pictures is the oracle."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from galago.models import transform
from galago.pictures import as_board
from galago.web import js_folder, program
from support import operator_models
from support.requirements import requires

pytestmark = requires("node", debian="nodejs")

SCRIPT = Path(__file__).with_name("pictures.mjs")
INPUTS: list[dict[str, Any]] = [
    {"height": 24, "width": 24, "channels": 3, "resize": "crop"},
    {"height": 7, "width": 12, "channels": 1, "resize": "stretch"},
    {"height": 3, "width": 2, "channels": 3, "resize": "pad"},
    {"height": 40, "width": 50, "channels": 3, "resize": "crop"},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """run(cases): what JavaScript makes of pairs of a file and an input: bytes, or a code as text."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "kernels.wasm").write_bytes(program.build(operator_models.build("relu", 0)).kernels)

    def start(cases: list[tuple[Path, dict[str, Any]]]) -> list[bytes]:
        listed = [
            {"file": str(file), "input": entry, "out": f"{number}.out"}
            for number, (file, entry) in enumerate(cases)
        ]
        (folder / "cases.json").write_text(json.dumps(listed))
        subprocess.run(["node", SCRIPT, folder, js_folder()], check=True, timeout=120)
        return [(folder / case["out"]).read_bytes() for case in listed]

    return start


def exif(turn: int) -> Image.Exif:
    """EXIF data with an orientation."""
    data = Image.Exif()
    data[0x0112] = turn
    return data


def pictures(folder: Path) -> list[Path]:
    """JPEGs of all kinds that boards read, BMPs, PPMs and PGMs."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (83, 121, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(noise[:5, :7]).resize((121, 83)))
    large = np.asarray(Image.fromarray(noise[:20, :30]).resize((1201, 640)))
    options: list[tuple[np.ndarray, str, dict[str, Any]]] = [
        (noise, "jpg", {"subsampling": 0, "quality": 95}),
        (smooth, "jpg", {"subsampling": 1, "restart_marker_blocks": 3}),
        (smooth, "jpg", {"subsampling": 2, "optimize": True}),
        (large, "jpg", {"subsampling": 2}),
        (large[..., 0], "jpg", {"quality": 30}),
        (noise[:1, :3], "jpg", {"subsampling": 2}),
        (noise, "jpg", {"subsampling": 2, "quality": 1}),
        (noise, "jpg", {"keep_rgb": True, "subsampling": 0}),
        *((smooth, "jpg", {"exif": exif(turn)}) for turn in range(2, 9)),
        (noise, "bmp", {}),
        (noise, "ppm", {}),
        (noise[..., 1], "pgm", {}),
    ]
    files = [folder / f"{number}.{kind}" for number, (_, kind, _) in enumerate(options)]
    for file, (pixels, _, how) in zip(files, options, strict=True):
        Image.fromarray(pixels).save(file, **how)
    return files


def test_the_input_is_the_boards(run, tmp_path: Path) -> None:
    cases = [(file, entry) for file in pictures(tmp_path) for entry in INPUTS]
    for (file, entry), found in zip(cases, run(cases), strict=True):
        shape = entry["height"], entry["width"], entry["channels"]
        assert found == as_board(file, *shape, entry["resize"]).tobytes(), (file.name, entry)


def test_imported_models_get_their_own_numbers(run, tmp_path: Path) -> None:
    entry = {**INPUTS[0], "transform": [[30000, -4000000], [65536, -8388608], [90000, 5]]}
    file = pictures(tmp_path)[0]
    pixels = (as_board(file, 24, 24).astype(np.int16) + 128).astype(np.uint8)
    assert run([(file, entry)]) == [transform.apply(pixels, transform.table(entry)).tobytes()]


def test_bad_files_have_the_boards_codes(run, tmp_path: Path) -> None:
    good = pictures(tmp_path)
    data = good[1].read_bytes()
    files = {
        "image.empty": b"",
        "image.unsupported": b"GIF89a",
        "image.truncated": data[: len(data) // 2],
        "image.corrupt": data.replace(b"\xff\xdb\x00\x43", b"\xff\xdb\x00\x44", 1),
        "image.size": b"P6 0 5 255 ",
    }
    for code, content in files.items():
        (tmp_path / code).write_bytes(content)
    Image.new("RGB", (16, 16)).save(tmp_path / "progressive.jpg", progressive=True)
    cases = [(tmp_path / name, INPUTS[0]) for name in (*files, "progressive.jpg")]
    assert [found.decode() for found in run(cases)] == [*files, "image.unsupported"]
