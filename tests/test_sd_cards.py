# SPDX-License-Identifier: MIT
"""`galago flash --to /sd`: the model is on a card, the device package is not."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from galago import boards, flash, transport
from galago.cli import app
from galago.doctor import Report, board_check
from galago.emulator import EmulatedBoard
from galago.emulator.card import Card
from galago.errors import GalagoError
from galago.flash import card, install
from galago.flash.files import Installation
from galago.flash.install import InstallOptions
from galago.models import ModelDirectory, find
from galago.resources import firmware_dir
from galago.studio.reporter import Reporter
from galago.studio.tasks import flash as studio_flash
from galago.transport import Board
from support.tiny_model import make_model, picture

_BOOT = (Path(__file__).parents[1] / "docs" / "sd-cards.md").read_text(encoding="utf-8")
_BOOT = next(text for text in _BOOT.split("```python\n") if text.startswith("import machine")).split("```")[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[ModelDirectory]:
    folder = tmp_path_factory.mktemp("models")
    return [make_model(folder, name, seed) for seed, name in enumerate(("first", "second"), 1)]


@pytest.fixture(scope="module")
def slot() -> Card:
    return Card(size=1 << 20)


@pytest.fixture(scope="module")
def running(models: list[ModelDirectory], slot: Card) -> Iterator[EmulatedBoard]:
    """A board that runs the first model, from its card."""
    with EmulatedBoard(boards.load("RPI_PICO"), card=slot) as emulated:
        with transport.connect(emulated.port) as board:
            board.put(_BOOT.encode(), "/boot.py")
            board.makedirs("/pictures")
            board.put(picture(), "/pictures/red.ppm")
        install.install(emulated.port, InstallOptions(model=models[0], to="/sd"))
        yield emulated


@pytest.fixture
def board(running: EmulatedBoard, slot: Card) -> Iterator[Board]:
    slot.inserted = True
    with transport.connect(running.port) as connected:
        connected.soft_reset()
        yield connected


def boot(board: Board) -> list[dict]:
    """What the board prints at boot, without the lines of its kernels' check."""
    board.soft_reset()
    lines = board.exec("import main\nmain.run()", timeout=60).splitlines()
    return [json.loads(line) for line in lines if not line.startswith("kernels: ")]


def refused(port: str, options: InstallOptions) -> str:
    with pytest.raises(GalagoError) as caught:
        install.install(port, options)
    return f"{caught.value.code}: {caught.value.message}"


def test_the_model_is_on_the_card_and_the_one_before_too(
    running: EmulatedBoard, models: list[ModelDirectory]
) -> None:
    done = CliRunner().invoke(app, ["flash", str(models[1].path), "--port", running.port, "--to", "/sd/"])
    assert done.stdout.startswith("/sd/models/second runs at boot")
    with transport.connect(running.port) as board:
        assert {entry.name for entry in flash.models_in(board, "/sd")} == {"first", "second"}
        assert flash.models_in(board) == []
        assert board.sha256("/lib/mobilenet/__init__.mpy")
        assert boot(board)[0]["start"]["model"] == "second"
        assert flash.roll_back(board)[0] == "/sd/models/first"


def test_without_its_card_a_board_says_so_once(board: Board, slot: Card) -> None:
    _, line = boot(board)  # this config is the last good one now
    assert line["top"][0]["label"].startswith("first")
    slot.inserted = False
    (line,) = boot(board)
    assert line["error"]["code"] == "model.missing"
    assert "/sd/models/first: insert the card" in line["error"]["message"]
    report = Report(port=board.port)
    board_check.examine(report, board)
    (problem,) = report.problems
    assert problem.fix.endswith(f"galago flash first --port {board.port} --to /sd")
    slot.inserted = True
    assert boot(board)[0]["start"]["model"] == "first"


def test_a_switch_waits_for_its_card(board: Board, slot: Card) -> None:
    """The power fails after the commit, and the card is gone at the next start."""
    paths = ["/pictures/a.txt", "/sd/models/a.txt"]
    for path in paths:
        board.put(b"new", path + ".new")
        board.put(b"old", path)
    board.put(json.dumps({"files": paths, "remove": ["/sd/models/none"]}).encode(), "/galago.switch.json")
    for inserted, contents in ((False, [b"new", None]), (False, [b"new", None]), (True, [b"new", b"new"])):
        slot.inserted = inserted
        board.soft_reset()
        board.exec("import galago_switch\ngalago_switch.finish()")
        assert [board.get(path) if board.sha256(path) else None for path in paths] == contents
        assert (board.sha256("/galago.switch.json") is None) == inserted
    for path in paths:
        assert board.sha256(path + ".new") is None
        board.remove(path)


@pytest.mark.parametrize(
    ("mount", "before", "code", "text"),
    [
        ("/rom", "", "usage", "expected --to with where a card is mounted"),
        ("/sd/more", "", "usage", "got '/sd/more'"),
        ("", "", "usage", "got ''"),
        (
            "/sdcard",
            "",
            "board.card",
            "expected a card at /sdcard, the board has mounted none there: insert it",
        ),
        ("/galago.json", "", "usage", "such as /sd"),
        ("/sd", "import vfs\nvfs.umount('/sd')", "board.card", "mounted none there"),
        ("/sd", "import os\nos.chdir('/sd')", "board.card", "an empty file SKIPSD into /, mount"),
        (
            "/sd",
            "import machine, vfs\nvfs.umount('/sd')\nvfs.mount(machine.SDCard(), '/sd', readonly=True)",
            "board.card",
            "the card at /sd is read-only: unlock it",
        ),
    ],
)
def test_what_is_no_card_is_refused(board: Board, mount: str, before: str, code: str, text: str) -> None:
    board.exec(before)
    with pytest.raises(GalagoError, match=text.replace("(", "\\(")) as caught:
        card.check(board, mount)
    assert caught.value.code == code


def test_a_card_is_found_wherever_it_is_mounted(board: Board) -> None:
    """Other folders are no cards, and neither is a ROMFS."""
    assert card.mounted(board) == {"/sd": "ready"}
    board.exec("import machine, vfs\nvfs.umount('/sd')\nvfs.mount(machine.SDCard(), '/data', readonly=True)")
    assert card.mounted(board) == {"/data": "ready"}
    board.exec("vfs.umount('/data')")
    assert card.mounted(board) == {}


def test_fit_says_where_a_card_helps() -> None:
    """An OpenMV Cam H7 has no room for the default model's files, and heap enough to run it."""
    wanted = ["fit", "everyday-v1-025-96", "--board", "OPENMV4"]
    without = CliRunner().invoke(app, wanted)
    assert without.exit_code == 1
    assert "on an SD card it fits (docs/sd-cards.md): try --card" in without.stdout
    (line,) = CliRunner().invoke(app, [*wanted, "--card", "--json"]).stdout.splitlines()
    verdict = json.loads(line)
    assert verdict["fits"]
    assert verdict["card"] > find("everyday-v1-025-96").tflite.stat().st_size
    assert verdict["filesystem"]["used"] <= verdict["filesystem"]["size"]


def test_the_studio_uses_a_card_where_it_has_to() -> None:
    roomier = replace(boards.load("OPENMV4"), filesystem=200_000)  # this computer's machine code is larger
    with EmulatedBoard(roomier, card=Card()) as emulated:
        with transport.connect(emulated.port) as board:
            board.put(_BOOT.encode(), f"{board.root}/boot.py")
            board.soft_reset()
        order = {"device": emulated.port, "model_path": str(find("everyday-v1-025-96").path), "model": "m"}
        result = studio_flash.run(order, Reporter(io.StringIO()))
        assert result["place"] == "/sd/models/everyday-v1-025-96"
        with transport.connect(emulated.port) as board:
            assert [entry.name for entry in flash.models_in(board, "/sd")] == ["everyday-v1-025-96"]
            assert flash.models_in(board) == []


def test_a_card_that_is_taken_out_is_noticed(board: Board, slot: Card) -> None:
    """While weights are streamed each picture gets a line; nothing can be put there."""
    board.exec(
        "import gc\nfrom mobilenet import Classifier\ngc.collect()\n"
        "hold = [bytearray(8192) for _ in range((gc.mem_free() - 120000) // 8192)]\n"
        "net = Classifier('/sd/models/first', ['builtin'])"
    )
    assert board.exec("print(net.describe()['weights'])").strip() == "stream"
    slot.inserted = False
    ask = "(result,) = net.classify('/pictures/red.ppm')\nprint(result.error.code, result.error.message)"
    assert board.exec(ask).startswith("board.file /sd/models/first cannot be read (error 5): insert its card")
    with pytest.raises(GalagoError, match="does not answer"):
        card.check(board, "/sd")


def test_the_small_form_runs_no_model_from_a_card(
    board: Board, models: list[ModelDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Installation({}, [], small=True)
    monkeypatch.setattr("galago.flash.boot.installation", lambda *_: form)
    with pytest.raises(GalagoError, match=r"small form .* flash without --to") as caught:
        flash.boot_plan(board, models[0], {}, None, mount="/sd")
    assert caught.value.code == "board.card"


def test_a_full_card_and_a_full_board_say_what_to_do(
    running: EmulatedBoard, board: Board, models: list[ModelDirectory], tmp_path: Path
) -> None:
    port, third = running.port, make_model(tmp_path, "third", 3)
    _fill(board, "/sd", 20_000)
    _fill(board, "", 40_000)
    board.close()
    on_card = InstallOptions(model=third, to="/sd")
    message = refused(port, on_card)
    assert re.match(
        r"board.full: the model needs (8|9)\d,\d{3} bytes, the card at /sd has 2\d,\d{3} free", message
    )
    assert message.endswith("under /sd/models by galago flash --to /sd --replace")
    assert install.install(port, replace(on_card, replace=True)).place == "/sd/models/third"
    with transport.connect(port) as again:
        assert [entry.name for entry in flash.models_in(again, "/sd")] == ["third"]
        again.remove("/sd/fill")
    message = refused(port, InstallOptions(model=models[0]))
    assert message.startswith("board.full: upload needs ")
    assert message.endswith(f" bytes free: galago flash {models[0].path} --port {port} --to /sd")


def _fill(board: Board, mount: str, left: int) -> None:
    blocks = (board.space(mount)[1] - left) // 4096
    board.exec(
        f"with open('{mount}/fill', 'wb') as file:\n for _ in range({blocks}): file.write(bytes(4096))"
    )


_CUT = """
import machine, os, vfs
card = machine.SDCard()
def blocks():
    found = [bytearray(512) for number in range(128)]
    for number, block in enumerate(found):
        card.readblocks(number, block)
    return found
vfs.mount(card, "/sd")
os.mkdir("/sd/x")
for number in range(11):
    open("/sd/x/p%d" % number, "w").close()
with open("/sd/x/model.tflite.new", "wb") as file:
    file.write(b"new" * 1000)
before = blocks()
os.rename("/sd/x/model.tflite.new", "/sd/x/model.tflite")
for number, block in enumerate(blocks()):
    if any(block[at] == 0xE5 != before[number][at] for at in range(0, 512, 32)):
        card.writeblocks(number, before[number])
vfs.umount("/sd")
vfs.mount(card, "/sd")
"""


def test_a_power_cut_between_two_blocks_of_a_folder_loses_no_file() -> None:
    """The new name is written and the old one still there: both are names of the same clusters."""
    switch = (firmware_dir() / "galago_switch.py").read_text(encoding="utf-8")
    spec, small = boards.load("RPI_PICO"), Card(size=64 << 10)
    with EmulatedBoard(spec, card=small) as emulated, transport.connect(emulated.port) as board:
        board.exec(_CUT)
        assert board.get("/sd/x/model.tflite") == board.get("/sd/x/model.tflite.new") == b"new" * 1000
        board.exec(f"{switch}\ncommit(['/sd/x/model.tflite'])")
        board.exec("open('/sd/x/other', 'w').write('other' * 1000)")
        assert board.get("/sd/x/model.tflite") == b"new" * 1000
        assert not any(entry.name.endswith((".new", ".part")) for entry in board.listdir("/sd/x"))


def test_an_image_that_is_no_card_s_is_refused_and_a_card_keeps_its_files(tmp_path: Path) -> None:
    image, wrong = tmp_path / "card.img", tmp_path / "wrong.img"
    wrong.write_bytes(bytes(1000))
    with pytest.raises(GalagoError, match=r"in blocks of 512, .*wrong\.img has 1,000"):
        Card(wrong)
    for before in (None, b"kept"):
        slot = Card(image, 64 << 10)
        with (
            EmulatedBoard(boards.load("RPI_PICO"), card=slot) as emulated,
            transport.connect(emulated.port) as board,
        ):
            board.exec("import machine, vfs\nvfs.mount(machine.SDCard(), '/sd')")
            assert (board.get("/sd/a") if before else board.sha256("/sd/a")) == before
            board.put(b"kept", "/sd/a")
    assert image.stat().st_size == 64 << 10
