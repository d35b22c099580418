# SPDX-License-Identifier: MIT
"""`galago monitor` accounts for every line, whatever happens on the way."""

import csv
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import boards, flash, monitor, transport
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.emulator.faults import Noise
from galago.models import ModelDirectory
from galago.monitor import Monitor, Notice, PictureLine, StartLine
from galago.monitor.picture_sender import PictureSender
from galago.transport import SerialConsole
from support.lies import LINE, US
from support.tiny_model import make_model, picture

LINES = """
from mobilenet import report
from mobilenet.classifier import Result
result = Result("naïve cat.png")
result.us = {"invoke": 3, "resize": 2, "read": 1}
for seq in range(int(argv[0]), int(argv[1])):
    result.top = [("cät", 3, 1 / (1 + seq % 7)), ("dog", 1, 0.0)]
    print(report.sealed(report.line(seq, result)))
"""


@pytest.fixture(scope="module")
def sent(micropython: Callable[..., str]) -> bytes:
    """10,000 lines as main.py prints them, from the real interpreter."""
    return micropython(LINES, 0, 10_000).replace("\n", "\r\n").encode()


def pictures(events: list[monitor.Event]) -> list[dict]:
    return [event.line for event in events if isinstance(event, PictureLine)]


def notices(events: list[monitor.Event]) -> list[str]:
    return [event.kind for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize("share", [0.0, 1e-4, 2e-3])
def test_10_000_lines_with_noise_are_all_accounted_for(sent: bytes, share: float) -> None:
    originals = [json.loads(line) for line in sent.decode().splitlines()]
    for line in originals:
        del line["crc"]
    noise = Noise(seed=11, flipped=share, dropped=share, added=share)
    first, last = sent.find(b"\n") + 1, sent.rfind(b"\n", 0, -1) + 1  # these two lines arrive as they are
    arrived = sent[:first] + noise.corrupt(sent[first:last]) + sent[last:]
    watched = Monitor()
    events: list[monitor.Event] = []
    for start in range(0, len(arrived), 777):
        events += watched.feed(arrived[start : start + 777])
    got = pictures(events)
    assert (noise.changed > 0) == (share > 0)
    assert all(line == originals[line["seq"]] for line in got), "what is shown is what was sent"
    numbers = [line["seq"] for line in got]
    assert numbers == sorted(set(numbers))
    assert watched.counts.pictures == len(got)
    assert watched.counts.pictures + watched.counts.lost == 10_000
    losses = [event.text for event in events if isinstance(event, Notice) and event.kind == "lost"]
    missing = set(range(10_000)) - set(numbers)
    for text in losses:
        words = [int(word) for word in text.replace("numbers", "number").split() if word.isdigit()]
        missing -= set(range(words[0], words[-1] + 1))
    assert not missing, "each number that is missing is named"
    assert watched.counts.doubled == 0
    if share == 2e-3:
        assert watched.counts.lost > 1000, "the noise is considerable"


def test_restarts_are_distinguished_from_losses(micropython: Callable[..., str]) -> None:
    watched = Monitor()

    def start(seq: int) -> str:
        text = f'{{"start": {{"seq": {seq}, "model": "m", "input": [1, 1, 3], "resize": "crop"}}'
        return f'{text}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n'

    data = "boot text\n" + start(0) + micropython(LINES, 0, 3) + start(256) + micropython(LINES, 256, 258)
    data += micropython(LINES, 257, 258) + start(0) + micropython(LINES, 0, 1)
    events = list(watched.feed(data.encode()))
    assert [line["seq"] for line in pictures(events)] == [0, 1, 2, 256, 257, 0]
    assert notices(events) == ["log", "skipped", "doubled", "skipped"]
    assert sum(isinstance(event, StartLine) for event in events) == 3
    assert (watched.counts.skipped, watched.counts.restarts, watched.counts.lost) == (253, 2, 0)


@pytest.mark.parametrize(
    "line",
    [
        b'{"seq": 1}',
        b'{"seq": 1, "top": []}',
        b'{"seq": 1, "top": [1]}',
        b'{"seq": 1, "top": [{"label": 1, "confidence": 1}]}',
        b'{"seq": true, "error": {}}'[:12],
        b'{"seq": 1, "top": [' + b"[" * 9000,
        b'{"start": 1}',
        b"\xff\xfe{{{{",
        b"x" * 70_000,
    ],
)
def test_lines_that_only_look_like_pictures_are_ignored(line: bytes) -> None:
    assert not pictures(list(Monitor().feed(line + b"\n")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory.mktemp("model"), "small", 1)


def install(port: str, model: ModelDirectory, settings: dict) -> None:
    with transport.connect(port) as device:
        flash.boot_plan(device, model, settings, None).run()
        device.makedirs("/pictures")
        for name in ("a.ppm", "b.ppm"):
            device.put(picture(), f"/pictures/{name}")


def listened(events: Iterator[monitor.Event | None], count: int) -> list[monitor.Event]:
    """Return the events up to `count` pictures."""
    found: list[monitor.Event] = []
    for event in events:
        if event:
            found.append(event)
        if len(pictures(found)) == count:
            return found
    raise AssertionError("it ended")


WAITS_FOR_THE_PORT = b"""\
import machine, sys
if machine.reset_cause() == machine.PWRON_RESET:
    sys.stdin.read(1)
"""
"""A boot.py that waits: what a board prints before its port is open is lost, and rightly counted as lost."""


def test_a_board_is_followed_through_unplugging(
    model: ModelDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "_RETRY", 0.05)
    image, port = tmp_path / "flash.img", tmp_path / "ttyACM0"
    watched = Monitor()
    settings = {"source": "files", "loop": True, "interval": 0.02}
    with EmulatedBoard(boards.load("RPI_PICO"), image) as emulated:
        install(emulated.port, model, settings)
        with transport.connect(emulated.port) as device:
            device.put(WAITS_FOR_THE_PORT, "/boot.py")
        port.symlink_to(emulated.port)
        events = monitor.listen(str(port), watched, lambda console: console.write(b"\r\x03\x02\x04"))
        listened(events, 5)
        emulated.unplug()
        port.unlink()
        while not (isinstance(event := next(events), Notice) and event.kind == "port"):
            pass
    assert next(events) is None, "it waits"
    with EmulatedBoard(boards.load("RPI_PICO"), image) as emulated:
        port.symlink_to(emulated.port)
        again = listened(events, 5)
    assert any(isinstance(event, StartLine) for event in again)
    assert watched.counts.lost == watched.counts.doubled == 0
    assert watched.counts.skipped > 0, "the power went without warning"


def first_notice(events: Iterator[monitor.Event | None]) -> str:
    """The first thing that the monitor says about the board itself."""
    return next(event.text for event in events if isinstance(event, Notice) and event.kind == "board")


def test_a_board_that_runs_nothing_is_explained(model: ModelDirectory) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        port = emulated.port
        events = monitor.listen(port, Monitor(), monitor.start_again)
        assert f"galago doctor --port {port}" in first_notice(events)
        events.close()
        install(port, model, {"source": "files"})
        watched = Monitor()
        events = monitor.listen(port, watched, monitor.start_again)
        assert first_notice(events).startswith("main.py has ended: galago monitor")
        assert watched.counts.pictures == 2
        events.close()
        with transport.connect(port) as device:
            device.put(b"import vfs\nvfs.umount('/')", "/boot.py")
        events = monitor.listen(port, Monitor(), monitor.start_again)
        assert f"galago doctor --port {port}" in first_notice(events), "no file system, so no main.py"
        events.close()


class Asked(SerialConsole):
    """Asks a silent board at once, and then gives it all the time that it needs to answer."""

    def write(self, data: bytes) -> None:
        monitor._SILENCE = 300.0
        super().write(data)


def test_a_board_that_says_nothing_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_SILENCE", 0.0)
    monkeypatch.setattr(monitor, "SerialConsole", Asked)
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        transport.connect(emulated.port).close()  # it is at its prompt, and prints nothing more
        notice = first_notice(monitor.listen(emulated.port, Monitor()))
        assert "at its prompt" in notice
        assert f"galago monitor --port {emulated.port} --restart" in notice
        with transport.connect(emulated.port) as device:
            device.put(b"while True: pass", "/main.py")
        emulated.reset()
        monkeypatch.setattr(monitor, "SerialConsole", SerialConsole)
        monkeypatch.setattr(monitor, "_SILENCE", 0.0)
        busy = first_notice(monitor.listen(emulated.port, Monitor()))
        assert "no prompt: a program runs" in busy


def test_the_command_writes_lines_and_a_table_of_them(model: ModelDirectory, tmp_path: Path) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        install(emulated.port, model, {"source": "files", "loop": True})
        arguments = ["monitor", "--port", emulated.port, "--restart", "--count", "4"]
        rows = tmp_path / "rows.csv"
        done = CliRunner().invoke(app, [*arguments, "--json", "--csv", str(rows)])
        assert done.exit_code == 0, done.output
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["image"] for line in lines] == ["a.ppm", "b.ppm"] * 2
        with rows.open(newline="") as file:
            table = list(csv.DictReader(file))
        assert [int(row["seq"]) for row in table] == [line["seq"] for line in lines]
        assert table[0]["label"] == lines[0]["top"][0]["label"]
        shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
        assert "small runs on builtin" in shown.output
        assert "a.ppm" in shown.output
        assert shown.stdout.endswith("\n"), "what stderr says next begins a line"


def test_pictures_are_sent_to_a_board_that_waits_for_them(model: ModelDirectory, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 30, 10)).save(tmp_path / "red.png")
    (tmp_path / "none.png").write_text("not a picture")
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        install(emulated.port, model, {"source": "files"})
        runner = CliRunner()
        wrong = runner.invoke(app, ["monitor", "--port", emulated.port, "--send", str(tmp_path / "red.png")])
        assert f"galago config --port {emulated.port} source=host" in str(wrong.exception)
        here = runner.invoke(app, ["monitor", "--port", emulated.port, "--restart", "--count", "1", "--json"])
        install(emulated.port, model, {"source": "host"})
        send = [
            part for name in ("red.png", "none.png", "red.png") for part in ("--send", str(tmp_path / name))
        ]
        done = runner.invoke(app, ["monitor", "--port", emulated.port, "--json", *send])
    assert done.exit_code == 1, "one of them is not a picture"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["image"] for line in lines] == ["red.png", "red.png"]
    assert lines[0]["top"] == json.loads(here.stdout)["top"], "as from the board's own file of this colour"


class AllAtOnce:
    """A console whose reader is slow: the last acknowledgement and the picture's line arrive together."""

    name = "port"

    def __init__(self, rows: int, line: bytes) -> None:
        self._left, self._line = rows, line

    def write(self, data: bytes) -> None:
        pass

    def read(self) -> bytes:
        self._left -= 1
        return b"\x06" + (self._line if self._left < 0 else b"")


def test_a_line_that_comes_with_the_last_acknowledgement_is_the_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "red.png")
    line = LINE | {"us": US, "image": "red.png"}
    console: Any = AllAtOnce(4, json.dumps(line).encode() + b"\r\n")
    sender = PictureSender({"input": [4, 4, 3], "resize": "crop"})
    assert pictures(list(sender.send(console, Monitor(), tmp_path / "red.png"))) == [line]
