# SPDX-License-Identifier: MIT
"""The figures of `galago fit` agree with real models, the real interpreter and the emulated board."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from docgen import chips
from galago import boards, cache, fit, flash, models, transport
from galago.boards import BoardSpec
from galago.cli.fit import fit as command
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.fit import Requirements, package
from galago.fit.variants import SIZES, Variant
from galago.models import ModelDirectory
from galago.tflite import engine, summary
from galago.tflite.edit import without_names

MODEL = "everyday-v1-025-96"
CHIPS = chips.read_figures()
X64 = {"arch": "x64", "word": 8, "machine_code": False}  # what the emulated board is

_LOAD = """
import gc
gc.collect(); before = gc.mem_alloc()
from mobilenet import Classifier, config, outputs, report, sources, sequence, watchdog  # as main.py does
net = Classifier({path!r}, {order!r})
gc.collect(); print(gc.mem_alloc() - before, before)
"""
# Runs after _LOAD: the collector is conservative, and with these lines in _LOAD it keeps 7 kB of garbage.
_WHERE = "about = net.describe(); print(about['weights'], about['arena_bytes'])"


@pytest.fixture(scope="module")
def model() -> ModelDirectory:
    return models.find(MODEL)


@pytest.fixture(scope="module")
def requirements(model: ModelDirectory) -> Requirements:
    return Requirements.of(model)


def load(board: BoardSpec, model: ModelDirectory) -> list[str]:
    """Flashes an emulated board and loads the model there: bytes it takes, bytes before, weights, arena."""
    with EmulatedBoard(board) as emulated, transport.connect(emulated.port) as device:
        flash.UploadPlan(device, flash.device_package(device) | flash.model_files(model)).run()
        device.soft_reset()
        path = device.root + flash.remote_path(model)
        taken = device.exec(_LOAD.format(path=path, order=board.backends), timeout=60).split()
        return taken + device.exec(_WHERE).split()


@pytest.mark.parametrize(("name", "weights"), [("TEENSY41", "ram"), ("ESP32_GENERIC_C3", "stream")])
def test_heap_is_predicted_within_5_percent_of_the_emulated_board(
    name: str, weights: str, model: ModelDirectory, requirements: Requirements
) -> None:
    taken, _, where, arena = load(boards.load(name), model)
    predicted = sum(fit.heap_of(requirements, **X64).values())
    predicted += requirements.network.size if weights == "ram" else requirements.network.plan.stream_buffer
    assert where == weights
    assert int(arena) == requirements.network.plan.arena + (
        requirements.network.plan.stream_buffer if weights == "stream" else 0
    )
    assert abs(predicted - int(taken)) <= 0.05 * int(taken), f"{predicted:,} predicted, {int(taken):,} taken"


def test_an_emulated_board_puts_weights_where_the_board_would(
    model: ModelDirectory, requirements: Requirements
) -> None:
    """Its heap has twice the bytes: there would be room for the weights that a Pico 2 streams."""
    board = boards.load("RPI_PICO2")
    assert requirements.network.size < board.heap
    assert fit.check(requirements, board).weights == "streamed"
    assert load(board, model)[2] == "stream"


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_a_heap_as_small_as_predicted_loads_a_model_and_half_of_it_does_not(
    model: ModelDirectory, tmp_path: Path, version: int
) -> None:
    variant = Variant(f"mobilenet_v{version}", 0.25 if version == 1 else 0.35, 96, (20,))
    contract = {key: value for key, value in model.contract.items() if key not in ("galago", "files")}
    directory = models.write(tmp_path / "model", variant.tflite(), contract)
    requirements = Requirements.of(directory)
    most = 13_000 + sum(fit.heap_of(requirements, **X64).values()) + fit.loading_of(requirements)
    board = boards.load("RPI_PICO2")
    # An emulated board has twice the bytes of the heap that its board has; 13,000 are in use at its prompt.
    assert load(replace(board, heap=most // 2), directory)[2] == "stream"
    with pytest.raises(GalagoError, match=r"GalagoError|MemoryError"):
        load(replace(board, heap=most // 4), directory)


def test_files_take_what_they_take_on_the_emulated_board(
    model: ModelDirectory, requirements: Requirements
) -> None:
    board = boards.load("RPI_PICO2")
    with EmulatedBoard(board) as emulated, transport.connect(emulated.port) as device:
        files = flash.device_package(device) | flash.model_files(model)
        free = "import os; s = os.statvfs('/'); print(s[0] * s[3])"
        before = int(device.exec(free))
        flash.UploadPlan(device, files).run()
        used = before - int(device.exec(free))
    assert len(package.file_sizes("x64")) + 5 == len(files)  # galago_switch, picture.mpy, the model's three
    predicted = sum(fit.files_of(requirements, "x64", 4096))
    assert 0.95 * predicted < used < 1.05 * predicted


def test_camera_drivers_of_other_firmware_are_left_out() -> None:
    """Each is for one module; without a known module all stay."""
    shared = {"__init__", "driver", "frame"}
    drivers = {source.stem for source in package.file_sizes("x64") if source.parent.name == "camera"} - shared
    by_module = {
        "csi": {"openmv"},
        "camera": {"esp32", "lemariva"},
        "sensor": {"maixpy"},
        "media.sensor": {"canmv_k230"},
    }
    for module, kept in (by_module | {"": drivers}).items():
        unused, _ = package.spare(None, ("builtin",), camera=True, module=module)
        assert {source.stem for source in unused if source.parent.name == "camera"} == drivers - kept


def test_the_plan_is_that_of_the_real_interpreter(
    micropython, model: ModelDirectory, requirements: Requirements
) -> None:
    script = """
from mobilenet.tflite import Interpreter
for weights in ("ram", "stream"):
    net = Interpreter(argv[0], weights=weights)
    print(net.arena_bytes, net.macs)
"""
    ram, stream = (line.split() for line in micropython(script, model.tflite).splitlines())
    assert requirements.network.plan.arena == int(ram[0])
    assert requirements.network.plan.arena + requirements.network.plan.stream_buffer == int(stream[0])
    assert requirements.network.plan.macs == sum(requirements.network.macs.values()) == int(ram[1])


def test_a_variant_has_the_arena_work_and_size_of_the_real_model(
    model: ModelDirectory, requirements: Requirements
) -> None:
    assert requirements.variant
    assert replace(requirements.variant, outputs=()) == Variant("mobilenet_v1", 0.25, 96, ())
    formula = requirements.for_variant(requirements.variant)
    assert formula.network.macs == requirements.network.macs
    neutral = {"arena": 0, "calls": 0, "words": (), "kernels": ()}
    assert formula.network.plan._replace(**neutral) == requirements.network.plan._replace(**neutral)
    assert abs(formula.network.plan.calls - requirements.network.plan.calls) <= 1
    assert (
        abs(formula.network.plan.arena - requirements.network.plan.arena)
        < 0.05 * requirements.network.plan.arena
    )  # ties of the planner
    assert (
        abs(formula.network.operators - requirements.network.operators) <= 1
    )  # the shipped head has a dense layer more
    real = len(without_names(model.tflite.read_bytes()))  # as galago train writes it since
    assert abs(formula.network.size - real) < 0.03 * real


@pytest.mark.parametrize(
    ("file", "variant"),
    [
        ("mobilenet_v1_0.25_128_quant", Variant("mobilenet_v1", 0.25, 128, (1001,))),
        ("mobilenet_v1_0.5_160_quant", Variant("mobilenet_v1", 0.5, 160, (1001,))),
        ("mobilenet_v1_1.0_224_quant", Variant("mobilenet_v1", 1.0, 224, (1001,))),
        ("mobilenet_v2_1.0_224_quant", Variant("mobilenet_v2", 1.0, 224, (1001,))),
    ],
)
def test_variants_multiply_as_often_as_published_models(data: Path, file: str, variant: Variant) -> None:
    real = summary.layers((data / "weights" / f"{file}.tflite").read_bytes())
    made = summary.layers(variant.tflite())
    assert variant.macs == sum(layer.macs for layer in real) == sum(layer.macs for layer in made)
    convolutions = [layer for layer in made if layer.window]
    assert [layer.output for layer in convolutions] == [layer.output for layer in real if layer.window][
        : len(convolutions)
    ]


def test_weights_by_formula_are_those_of_the_file() -> None:
    for variant in (Variant("mobilenet_v1", 0.5, 64, (10,)), Variant("mobilenet_v2", 1.4, 64, (32, 10))):
        size = len(variant.tflite())
        assert 0.9 * size < variant.weights < size


def test_channels_are_those_of_keras() -> None:
    # keras.applications, alpha 0.35: _make_divisible(32 * 0.35, 8) = 16, of 24: 8, of 160: 56, of 320: 112.
    shapes = [layer.output[-1] for layer in summary.layers(Variant("mobilenet_v2", 0.35, 96, (2,)).tflite())]
    assert shapes[0] == 16
    assert {8, 16, 24, 32, 56, 112, 1280} <= set(shapes)


def board(**figures: int | float) -> BoardSpec:
    return replace(boards.load("RPI_PICO2"), **figures)


def test_weights_go_where_there_is_room(requirements: Requirements) -> None:
    large = board(heap=1 << 20)
    heap = sum(fit.check(requirements, large).heap.values()) - requirements.network.size
    enough = heap + requirements.network.size + 16_384
    for figures, weights in (
        ({"romfs": 1 << 20}, "in place"),
        ({"romfs": 400_000, "heap": 1 << 20}, "RAM"),
        ({"heap": enough + 1}, "RAM"),
        ({"heap": enough}, "streamed"),
        ({"largest_block": requirements.network.size, "heap": 1 << 20}, "RAM"),
        ({"largest_block": requirements.network.size - 1, "heap": 1 << 20}, "streamed"),
    ):
        result = fit.check(requirements, board(**figures))
        assert (result.fits, result.weights) == (True, weights), figures


def test_the_resource_that_is_too_small_is_named(requirements: Requirements) -> None:
    for figures, problem in (
        ({"filesystem": 300_000}, "files take"),
        ({"heap": 90_000}, "of 90,000 bytes of heap"),
        ({"largest_block": 20_000}, "of 20,000 bytes, the largest block"),
    ):
        result = fit.check(requirements, board(**figures))
        assert not result.fits
        assert problem in result.problem


def test_a_board_that_runs_no_tflite_is_named_with_its_runtimes(requirements: Requirements) -> None:
    result = fit.check(requirements, boards.load("SIPEED_MAIX_DOCK"))
    assert "maixpy" in result.problem
    assert fit.suggest(requirements, boards.load("SIPEED_MAIX_DOCK")) is None


def test_time_is_what_whole_inferences_take_by_cycles_and_clock(requirements: Requirements) -> None:
    """On an emulated Cortex-M7 (docs/chips.md), the whole inference with all of the Python in it."""
    whole = {each["engine"]: each["us"] * 1e3 for each in CHIPS["Cortex-M7"]["inferences"][:3:2]}
    figures = {"clock_hz": 168_000_000, "cycles_per_instruction": 1.4, "heap": 1 << 20}
    viper = replace(boards.load("RPI_PICO2"), kernels=("viper",), **figures)
    least, seconds, most = fit.check(requirements, viper).seconds
    assert seconds == pytest.approx(whole["viper"] * 1.4 / 168e6, rel=0.05)
    assert least < seconds < most
    native = fit.check(requirements, replace(viper, kernels=("native", "viper")))
    assert native.kernels == "native"
    assert native.seconds[1] == pytest.approx(whole["native"] * 1.4 / 168e6, rel=0.05)
    assert 8_000 < native.heap["machine code"] < 16_384


def test_the_time_on_a_pico_is_that_of_the_emulated_chip(requirements: Requirements) -> None:
    """Cycles of the RP2040's emulator, weights streamed."""
    verdict = fit.check(requirements, boards.load("RPI_PICO"))
    (whole,) = CHIPS["RP2040"]["inferences"]
    assert (verdict.weights or "").startswith(whole["weights"])
    assert verdict.seconds[1] == pytest.approx(whole["us"] / 1e6, rel=0.2)


def test_machine_code_that_finds_no_room_is_left_out(requirements: Requirements) -> None:
    """The board falls back to viper likewise (backends/builtin.py)."""
    ample = fit.check(requirements, boards.load("RPI_PICO2"))
    assert ample.kernels == "native"
    least = fit.check(requirements, replace(ample.board, kernels=("viper",))).loading
    tight = fit.check(requirements, replace(ample.board, heap=least + 100))
    assert (tight.fits, tight.kernels) == (True, "viper")


def test_time_scales_with_the_clock(requirements: Requirements) -> None:
    twice = fit.check(requirements, board(clock_hz=300_000_000)).seconds[1]
    assert fit.check(requirements, board()).seconds[1] == pytest.approx(2 * twice)


def test_the_largest_variant_that_fits_is_suggested(requirements: Requirements) -> None:
    small, own = board(heap=150_000), Variant("mobilenet_v1", 0.25, 224, (20,))
    assert not fit.check(requirements.for_variant(own), small).fits
    found = fit.suggest(requirements.for_variant(own), small)
    assert found
    assert found.variant
    assert fit.check(found, small).fits
    larger = [replace(own, size=size) for size in SIZES if found.variant.size < size < own.size]
    assert larger
    assert not any(fit.check(requirements.for_variant(each), small).fits for each in larger)
    assert fit.suggest(requirements, board(filesystem=65_536)) is None


def test_models_that_no_board_runs_are_refused_as_on_a_board(model: ModelDirectory, tmp_path: Path) -> None:
    contract = {key: value for key, value in model.contract.items() if key not in ("galago", "files")}
    for number, bytes_ in enumerate((b"TFL3", b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 4)):
        directory = models.write(tmp_path / str(number), bytes_, contract)
        with pytest.raises(GalagoError) as caught:
            Requirements.of(directory)
        assert caught.value.code == "model.malformed"
    with pytest.raises(GalagoError) as caught:
        engine.plan(b"")
    assert caught.value.code == "model.malformed"


def test_contracts_of_other_networks_have_no_variant(
    model: ModelDirectory, requirements: Requirements
) -> None:
    for change in ({"architecture": ["x"]}, {"alpha": "wide"}, {"alpha": -1}):
        other = ModelDirectory(model.path, {**model.contract, **change})
        assert Requirements.of(other).variant is None


def run(*arguments: str, columns: int = 140):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})


def test_the_command_shows_all_boards() -> None:
    done = run(MODEL)
    assert done.exit_code == 0
    rows = [line.split() for line in done.output.splitlines()]
    does_not = rows.index(["does", "not", "fit", "because"])
    names = [row[0] for row in rows if row]
    for each in boards.all():
        assert names.count(each.id) == 1
    assert ["RPI_PICO", "streamed"] in [row[:2] for row in rows[:does_not]]
    assert ["PYBV11", "files", "take"] in [row[:3] for row in rows[does_not:]]


def test_the_exit_status_tells_whether_one_board_fits() -> None:
    fits, fails = run(MODEL, "--board", "RPI_PICO"), run(MODEL, "--board", "PYBV11")
    assert (fits.exit_code, fails.exit_code) == (0, 1)
    assert "fits RPI_PICO" in fits.output
    assert "of 233,024 bytes" in fits.output
    assert "█" in fits.output
    assert "does not fit PYBV11" in fails.output
    assert "of 97,280 bytes" in fails.output  # of 114,688, of which a FAT takes the others


def test_json_has_one_object_per_board() -> None:
    done = run(MODEL, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["board"] for line in lines] == [each.id for each in boards.all()]
    (pico,) = (line for line in lines if line["board"] == "RPI_PICO")
    assert pico["fits"] is True
    assert pico["weights"] == "streamed"
    assert sum(pico["heap"]["used"].values()) < pico["heap"]["size"] == 233_024
    assert pico["seconds"]["least"] < pico["seconds"]["estimate"] < pico["seconds"]["most"]
    assert all(bool(line["problem"]) != line["fits"] for line in lines)


def test_unknown_boards_and_models_are_refused() -> None:
    for arguments, code in (([MODEL, "--board", "TOASTER"], "board.unknown"), (["toast"], "model.missing")):
        error = run(*arguments).exception
        assert isinstance(error, GalagoError)
        assert error.code == code


def galago(*arguments: str, folder: Path, setup: str = "") -> subprocess.CompletedProcess:
    """Runs the command in a process of its own, with its cache in `folder`, after the Python code `setup`."""
    code = f"{setup}\nfrom galago.__main__ import main\nmain()"
    environment = {**os.environ, "GALAGO_CACHE": str(folder), "COLUMNS": "100"}
    argv = [sys.executable, "-c", code, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=600, check=False)


# Every figure is derived with mpy-cross or the interpreter, which are programs; numpy takes long to import.
_NO_PROGRAMS = """
import subprocess, sys
sys.modules["numpy"] = None
def refuse(*arguments, **options):
    raise SystemExit("a program was started")
subprocess.Popen.__init__ = refuse
"""


@pytest.mark.slow
def test_a_second_run_derives_nothing_again(tmp_path: Path) -> None:
    command = ("fit", MODEL, "--board", "RPI_PICO2")
    first = galago(*command, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert galago(*command, folder=tmp_path / "empty", setup=_NO_PROGRAMS).returncode != 0
    second = galago(*command, folder=tmp_path, setup=_NO_PROGRAMS)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cache."""
    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path))
    return tmp_path / "derived"


def counter(values: list[int]) -> Callable[[], int]:
    """A computation that notes each time it runs, and returns how often it has run."""

    def compute() -> int:
        values.append(len(values) + 1)
        return values[-1]

    return compute


def test_a_damaged_entry_is_derived_again(folder: Path) -> None:
    runs: list[int] = []
    assert [cache.derive("kind", "key", counter(runs)) for _ in range(2)] == [1, 1]
    (entry,) = folder.iterdir()
    good = entry.read_bytes()
    for number, damaged in enumerate((b"", b"\xff", good[:-1], good[:-1] + b"7", good + b"1"), 2):
        entry.write_bytes(damaged)
        assert [cache.derive("kind", "key", counter(runs)) for _ in range(2)] == [number, number]


def test_other_keys_and_kinds_are_other_entries(folder: Path) -> None:
    for number, (kind, key) in enumerate((("a", "b"), ("a", "c"), ("ab", ""), ("", "ab"))):
        assert cache.derive(kind, key, lambda number=number: number) == number
    assert len(list(folder.iterdir())) == 4


def test_changed_sources_are_other_entries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    assert cache.derive("kind", "key", counter(runs)) == 1
    monkeypatch.setattr(cache, "_sources", lambda: "changed")
    assert cache.derive("kind", "key", counter(runs)) == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GALAGO_CACHE", str(tmp_path / "file"))
    runs: list[int] = []
    assert [cache.derive("kind", "key", counter(runs)) for _ in range(2)] == [1, 2]


def test_the_cache_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 8)
    for number in range(30):
        cache.derive("kind", str(number), lambda number=number: number)
        assert len(list(folder.iterdir())) <= 8
    runs: list[int] = []
    assert cache.derive("kind", "29", counter(runs)) == 29


def test_errors_are_not_kept(folder: Path) -> None:
    def fail() -> None:
        raise GalagoError("model.malformed", "no")

    for _ in range(2):
        with pytest.raises(GalagoError):
            cache.derive("kind", "key", fail)
    assert not folder.exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("arguments", [[MODEL], [MODEL, "--board", "RPI_PICO"], [MODEL, "--board", "PYBV11"]])
def test_words_stay_whole_in_any_window(arguments: list[str], columns: int) -> None:
    wide, narrow = run(*arguments, columns=400).output, run(*arguments, columns=columns).output
    assert max(map(len, narrow.splitlines())) <= columns
    added = {"Where", "weights", "are", "streamed,", "the", "time", "to", "read", "them", "is", "not"}
    added |= {"included."}
    assert {word for word in narrow.split() if word[0] not in "█░"} <= set(wide.split()) | added
