# SPDX-License-Identifier: MIT
"""The small form of the device package: a board without room for another one classifies all the same."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import serial
from PIL import Image
from typer.testing import CliRunner

from docgen import small_form
from galago import boards, fit, models, small, transport
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.emulator.faults import Faults
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.pictures import as_board
from galago.small.bundle import bundle
from galago.tflite.tflm import Tflm

DOCS = Path(__file__).resolve().parents[1] / "docs"
BOARD = boards.load("NUCLEO_F401RE")  # 48,128 bytes of files, 52,000 of heap: the smallest
MODEL = models.find("flowers-nano-48")
NOTE, WEIGHTS = "/flash/galago.kernels.json", f"/flash/models/{MODEL.name}/weights.bin"


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    with EmulatedBoard(BOARD) as emulated:
        done = run("flash", MODEL.path, "--port", emulated.port, "--source", "host")
        assert "small form of the device package" in done.stderr
        boot(emulated)  # the first one proves the machine code, and notes that
        yield emulated


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "a.jpg"
    Image.linear_gradient("L").resize((90, 70)).convert("RGB").save(path)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    """The same network under another name."""
    folder = tmp_path_factory.mktemp("models") / "other"
    folder.mkdir()
    shutil.copy(MODEL.tflite, folder)
    (folder / "model.json").write_text(models.layout(MODEL.contract | {"name": "other"}))
    return models.find(str(folder))


def test_a_network_that_is_only_described_takes_what_the_trained_one_does() -> None:
    """`galago train --board` and `galago sweep` choose by it."""
    trained = fit.Requirements.of(MODEL)
    assert trained.variant
    real, described = (fit.check(each, BOARD) for each in (trained, trained.for_variant(trained.variant)))
    assert (real.form, described.form) == ("small", "small")
    assert described.filesystem == real.filesystem
    assert sum(described.heap.values()) == pytest.approx(sum(real.heap.values()), rel=0.04)
    assert described.weights == real.weights


def test_fit_asks_for_no_less_heap_than_a_board_needed_in_qemu() -> None:
    head, _, *rows = (DOCS / "small-form.md").read_text(encoding="utf-8").partition("| model")[2].splitlines()
    column = head.split("|").index(" smallest heap ")  # `head` lacks the first cell, as do the slices below
    for row in rows[: len(small_form.MODELS)]:
        cells = [cell.strip() for cell in row.split("|")[1:]]
        verdict = fit.check(fit.Requirements.of(models.find(cells[0])), replace(BOARD, filesystem=131_072))
        assert verdict.weights == "streamed"
        smallest = int(cells[column].replace(",", ""))
        assert smallest < verdict.loading - verdict.heap["MicroPython"] < 1.06 * smallest


def run(*arguments: object):
    return CliRunner().invoke(app, list(map(str, arguments)))


def boot(emulated: EmulatedBoard) -> dict:
    """Resets a board and returns its first serial line."""
    with serial.Serial(emulated.port, timeout=300) as port:
        port.write(b"\r\x03\x03\x02\r")
        port.write(b"print('re' + 'ady')\r")  # earlier prompts may still be on their way
        port.read_until(b"ready\r\n>>> ")
        port.write(b"\x04")
        while not (line := port.readline()).startswith(b"{"):
            assert line, "the board is silent"
        return json.loads(line)


def classified(port: str, model: ModelDirectory, photo: Path) -> dict:
    done = run("classify", "--port", port, "--model", model.path, "--json", photo)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["top"][0]


def test_it_boots_and_answers_as_tensorflow_lite_micro(board: EmulatedBoard, photo: Path) -> None:
    start = boot(board)["start"]
    assert (start["model"], start["source"], start["backend"]) == (MODEL.name, "host", "builtin")
    check(classified(board.port, MODEL, photo), photo)


@pytest.mark.slow
def test_the_boards_own_machine_code_answers_alike(photo: Path) -> None:
    """`--cores board`: proved and called by the small form, executed by an instruction-set emulator."""
    with EmulatedBoard(BOARD, cores="board") as emulated:
        assert run("flash", MODEL.path, "--port", emulated.port).exit_code == 0
        check(classified(emulated.port, MODEL, photo), photo)
        assert emulated.core
        assert (emulated.core.arch, emulated.core.fault) == ("armv7emsp", None)


def check(best: dict, photo: Path) -> None:
    tensor = as_board(photo, *MODEL.input_shape, MODEL.contract["input"]["resize"])
    expected = Tflm(MODEL.tflite.read_bytes()).run(tensor[None]).ravel()
    scale, zero = (MODEL.contract["output"][key] for key in ("scale", "zero_point"))
    assert best["index"] == expected.argmax()
    assert best["confidence"] == pytest.approx((int(expected.max()) - zero) * scale, abs=1e-4)


def test_doctor_knows_it(board: EmulatedBoard) -> None:
    found = run("doctor", "--port", board.port, "--json")
    text = " ".join(found.stdout.split())
    assert "small form, current" in text
    assert "6 of 6 as TensorFlow Lite Micro" in text


def test_fit_counts_no_less_than_the_files_take(board: EmulatedBoard) -> None:
    verdict = fit.check(fit.Requirements.of(MODEL), BOARD)
    assert (verdict.form, verdict.fits) == ("small", True)
    with transport.connect(board.port) as device:
        block, free = device.space()
        arch = device.implementation["arch"]
    assert block == 512
    # The emulated board's modules and machine code are those of this computer.
    archives = [len(small.build(MODEL, each, each).package[small.ARCHIVE]) for each in (arch, BOARD.arch)]
    larger = max(0, archives[0] - archives[1]) + 512
    assert verdict.filesystem.size - free <= verdict.filesystem.used + larger


@pytest.mark.parametrize("verb", ["bench", "inspect"])
def test_what_needs_the_whole_package_is_refused(board: EmulatedBoard, photo: Path, verb: str) -> None:
    pictures = [photo] if verb == "inspect" else []
    refused = run(verb, MODEL.path, *pictures, "--port", board.port).exception
    assert isinstance(refused, GalagoError)
    assert refused.code == "board.full"
    assert "use another board" in refused.message


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        (NOTE, b'{"sha256": "DIGEST", "checking": true}', "backend.refused"),
        (WEIGHTS, b"other", "model.hash"),
        ("/flash/galago.json", b"{}", "config.invalid"),
        ("/flash/galago.json", b"[]", "config.invalid"),
        ("/flash/galago.json", b'{"model": "/flash/models/x"}', "model.missing"),
        ("/flash/galago.json", b'{"model": "/flash/models/x", "interval": "1"}', "config.invalid"),
        ("/flash/galago.json", b'{"model": "/flash/models/x", "interval": -1}', "config.invalid"),
        ("/flash/galago.json", b'{"model": "/flash/models/x", "top": true}', "config.invalid"),
        (f"/flash{small.ARCHIVE}", b'{"crc32": 1, "files": {}}\nabc', "board.file"),
    ],
)
def test_damage_is_named_at_boot(board: EmulatedBoard, path: str, content: bytes, code: str) -> None:
    with transport.connect(board.port) as device:
        kept = device.get(path)
        digest = json.loads(device.get(NOTE))["sha256"]
        device.put(content.replace(b"DIGEST", digest.encode()), path)
    try:
        assert boot(board)["error"]["code"] == code
    finally:
        with transport.connect(board.port) as device:
            device.put(kept, path)


def test_a_line_without_end_costs_no_picture(board: EmulatedBoard) -> None:
    assert "start" in boot(board)
    with serial.Serial(board.port, timeout=300) as port:
        for _ in range(200):
            port.write(b"A" * 2_000)
        port.write(b'\n{"image": "next", "width": 1, "height": 1}\n')
        while not (line := port.readline()).startswith(b"{"):
            assert line, "the board is silent"
    assert b"image.size" in line


@pytest.mark.slow
def test_another_model_replaces_it_and_a_power_cut_is_repaired(
    board: EmulatedBoard, other: ModelDirectory, photo: Path, tmp_path: Path
) -> None:
    refused = run("flash", other.path, "--port", board.port).exception
    assert isinstance(refused, GalagoError)
    assert (refused.code, "--replace" in refused.message) == ("board.full", True)
    image = tmp_path / "board.img"
    with EmulatedBoard(BOARD, image) as running:
        assert run("flash", MODEL.path, "--port", running.port, "--source", "host").exit_code == 0
    with EmulatedBoard(BOARD, image, faults=Faults(power_at=60)) as running:
        assert run("flash", other.path, "--port", running.port, "--replace").exit_code
    with EmulatedBoard(BOARD, image) as running:
        assert "error" in boot(running), "it has no model, and says so"
        assert run("flash", other.path, "--port", running.port, "--replace").exit_code == 0
        assert boot(running)["start"]["model"] == "other"
        assert classified(running.port, other, photo)


def test_a_name_that_two_modules_define_is_refused() -> None:
    joined = bundle({"a": "X = 1", "b": "from .a import X\nX = 1\ndef f(): return X"})
    assert "import" not in joined
    with pytest.raises(ValueError, match="f of b is defined twice"):
        bundle({"a": "def f(): return 1", "b": "def f(): return 2"})
