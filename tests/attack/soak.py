# SPDX-License-Identifier: MIT
"""Long work: a day of main.py under a monitor, and one `galago classify` of 10,000 pictures."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from PIL import Image

from attack.kind import Attack, resident
from galago import boards, flash, monitor, settings, transport
from galago.emulator import EmulatedBoard
from galago.emulator.faults import Noise
from galago.monitor import Monitor, PictureLine
from support.tiny_model import make_model, picture

DAY = 24 * 3600  # seconds
PICTURES = 10_000
_INTERVAL = 60  # seconds between pictures
_SILENCE = 600.0  # real seconds without a picture after which the board counts as dead
_RESTART = b"\r\x03\x02\x04"

# A clock whose pauses pass at once. After power on it waits until somebody listens: what a board prints
# before its port is open is lost, and rightly counted as lost.
_BOOT = b"""\
import machine, sys
import time as real_time
class Clock:
    passed = 0
    def __getattr__(self, name):
        return getattr(real_time, name)
    def sleep(self, seconds):
        self.passed += max(1, int(seconds * 1000))
    def ticks_ms(self):
        return real_time.ticks_add(real_time.ticks_ms(), self.passed)
if machine.reset_cause() == machine.PWRON_RESET:
    sys.stdin.read(1)
sys.modules["time"] = Clock()
"""


class _Watched:
    """A board that works by itself, and the monitor that listens."""

    def __init__(self, folder: Path) -> None:
        monitor._RETRY = 0.05
        self._image, self.port = folder / "flash.img", folder / "ttyACM0"
        model = make_model(folder, "tiny", 1)
        self._on()
        with transport.connect(str(self.port)) as device:
            flash.boot_plan(device, model, {"source": "files", "loop": True}, None).run()
            flash.write_config(device, (flash.read_config(device) or {}) | {"interval": _INTERVAL})
            device.makedirs("/pictures")
            for name in ("a.ppm", "b.ppm"):
                device.put(picture(), f"/pictures/{name}")
            device.put(_BOOT, "/boot.py")
        self.seen = Monitor()
        self.heaps: list[int] = []
        self.interval = float(_INTERVAL)
        self.seconds = 0.0
        self._first = self._last = -1
        self._top: object = None
        self._listen()

    def _on(self) -> None:
        self.board = EmulatedBoard(boards.load("RPI_PICO"), self._image)
        self.board.start()
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(self.board.port)

    def _listen(self) -> None:
        self.events = monitor.listen(str(self.port), self.seen, lambda console: console.write(_RESTART))

    def close(self) -> None:
        """Switch the board off."""
        self.events.close()
        self.board.close()

    def read(self, count: int) -> None:
        """Read so many pictures, and check that each number comes once, in order, and is accounted for."""
        heard = time.monotonic()
        while count:
            event = next(self.events)
            if isinstance(event, PictureLine):
                heard = time.monotonic()
                count -= 1
                self._check(event.line)
            elif time.monotonic() - heard > _SILENCE:
                raise ValueError(f"no picture for {_SILENCE:.0f} s: {event}")

    def _check(self, line: dict) -> None:
        if line["seq"] <= self._last:
            raise ValueError(f"number {line['seq']} came after {self._last}")
        if self._first < 0:
            self._first, self._top = line["seq"], line["top"]
        self._last = line["seq"]
        counts = self.seen.counts
        if counts.pictures + counts.lost + counts.skipped != self._last + 1 - self._first:
            raise ValueError(f"up to number {self._last} the counts are {counts}")
        if counts.doubled or line["top"][:1] != self._top or line["image"] not in ("a.ppm", "b.ppm"):
            raise ValueError(f"a line that was never sent: {line}")
        self.seconds += self.interval

    def press_reset(self, dice: Random) -> None:
        """The board restarts by itself."""
        self.board.reset()

    def pull_the_cable(self, dice: Random) -> None:
        """It loses its power; later it is back."""
        self.board.unplug()
        self.port.unlink()
        next(self.events)
        self.board.close()
        self._on()

    def disturb(self, dice: Random) -> None:
        """Bytes change on their way to the host for some pictures."""
        share = 10 ** dice.uniform(-4, -2)
        self.board.faults.to_client = Noise(dice.randrange(1 << 30), flipped=share, dropped=share)
        self.read(10)
        self.board.faults.to_client = None

    def configure(self, dice: Random) -> None:
        """Another interval, threshold and number of classes; meanwhile the heap in use is measured."""
        self.events.close()
        self.interval = float(dice.choice((30, 60, 90)))
        changes = [
            f"interval={self.interval}",
            f"top={dice.choice((1, 2))}",
            f"threshold={dice.random():.2f}",
        ]
        with transport.connect(str(self.port)) as device:
            self.heaps.append(device.exec_int("import gc; gc.collect(); print(gc.mem_alloc())"))
            flash.write_config(device, settings.changed(flash.read_config(device) or {}, changes))
        self._listen()


@contextmanager
def day(folder: Path) -> Iterator[Attack]:
    """24 simulated hours of `main.py` under `galago monitor`: resets, pulled cables, noise, other configs"""
    watched = _Watched(folder)
    memory: list[float] = []

    def attempt(dice: Random) -> int:
        if watched.seconds >= DAY:
            return 0
        before = watched.seen.counts.pictures
        step = (watched.press_reset, watched.pull_the_cable, watched.disturb, watched.configure)
        watched.read(25)
        dice.choice(step)(dice)
        watched.read(25)
        gc.collect()
        memory.append(resident())
        return watched.seen.counts.pictures - before

    def figures() -> dict[str, str]:
        counts, heaps = watched.seen.counts, watched.heaps or [0]
        return {
            "simulated hours": f"{watched.seconds / 3600:.1f}",
            "pictures, in order and once": f"{counts.pictures:,}",
            "restarts": f"{counts.restarts:,}",
            "lines lost to noise and pulled cables, all of them named": f"{counts.lost:,}",
            "numbers left out after a loss of power": f"{counts.skipped:,}",
            "memory of the host after the first and the last fifty pictures": _range(memory),
            "heap in use on the board, first, least, most and last":
                f"{heaps[0]:,}, {min(heaps):,}, {max(heaps):,}, {heaps[-1]:,} bytes",
        }  # fmt: skip

    try:
        yield Attack(attempt, figures)
    finally:
        watched.close()


def _range(memory: list[float]) -> str:
    return f"{memory[0]:.1f} and {memory[-1]:.1f} MB, at most {max(memory):.1f} MB" if memory else "none yet"


class _Run:
    """One list of pictures, and the file of the lines so far."""

    def __init__(self, folder: Path, port: str) -> None:
        self.record, names = folder / "lines.jsonl", folder / "names"
        self.paths = []
        for number, suffix in enumerate(("ppm", "png", "jpg", "gif", "bmp", "webp")):
            path = folder / f"{number}.{suffix}"
            Image.new("RGB", (30 + number, 20), (40 * number, 90, 200)).save(path)
            self.paths.append(path)
        (folder / "empty.jpg").touch()
        self.paths.append(folder / "empty.jpg")
        self.names = [self.paths[number * number // 7 % len(self.paths)] for number in range(PICTURES)]
        names.write_text("".join(f"{path}\n" for path in self.names))
        model = make_model(folder, "tiny", 1).path
        self._input = names
        self._command = [
            *(sys.executable, "-m", "galago", "classify", "-", "--port", port, "--model", str(model)),
            *("--json", "--resume", str(self.record)),
        ]
        self.kills, self.done = 0, 0
        self.memory: list[float] = []

    def go_on(self, count: int) -> int:
        """Run the host until it has done `count` pictures more, and kill it; return how many it did."""
        until = min(PICTURES, self.done + count)
        with (
            self._input.open() as names,
            subprocess.Popen(
                self._command, stdin=names, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            ) as host,
        ):
            heard, lines = time.monotonic(), self.done
            while host.poll() is None and (lines < until or until == PICTURES):
                time.sleep(0.2)
                if (now := self._lines()) > lines:
                    heard, lines = time.monotonic(), now
                    self.memory.append(resident(host.pid))
                if time.monotonic() - heard > _SILENCE:
                    host.kill()
                    raise ValueError(f"no line after number {lines}")
            self.kills += host.poll() is None
            host.kill()
            errors = host.communicate()[1]
        if host.returncode not in (0, 1, -9):  # 1: one of its pictures was the empty file
            raise ValueError(f"it ended with {host.returncode}: {errors[-200:]}")
        before, self.done = self.done, self._lines()
        return self.done - before

    def _lines(self) -> int:
        return self.record.read_bytes().count(b"\n") if self.record.exists() else 0

    def check(self) -> None:
        """Check order, count and content of all complete lines."""
        answers: dict[str, object] = {}
        lines = self.record.read_bytes().split(b"\n")[: self.done]
        for number, (text, path) in enumerate(zip(lines, self.names, strict=False)):
            line = json.loads(text)
            answer = line.get("top", line.get("error"))
            if (line["seq"], line["image"]) != (number, path.name):
                raise ValueError(f"line {number} is {text[:100]!r}, expected {path.name}")
            if answers.setdefault(path.name, answer) != answer:
                raise ValueError(f"line {number} differs from an earlier one of the same picture")


@contextmanager
def ten_thousand(folder: Path) -> Iterator[Attack]:
    """10,000 pictures in one `galago classify --resume`, whose host is killed again and again"""
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        run = _Run(folder, emulated.port)

        def attempt(dice: Random) -> int:
            if run.done == PICTURES:
                return 0
            count = run.go_on(dice.randrange(300, 1500))
            run.check()
            return count

        def figures() -> dict[str, str]:
            return {
                "lines, in order and once": f"{run.done:,}",
                "kills of the host": f"{run.kills}",
                "memory of the host at first and at last": _range(run.memory),
            }

        yield Attack(attempt, figures)
