# SPDX-License-Identifier: MIT
"""Commands that end before their work is done, and text that tries to act on the terminal."""

import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

from rich.markup import escape
from rich.table import Table

from attack.kind import Attack, check_message
from galago.cli.output import Console
from galago.cli.streams import safe_streams
from galago.errors import GalagoError
from support.tiny_model import make_model, picture

_GALAGO = [sys.executable, "-m", "galago"]
# As _GALAGO; says through a pipe when Python has started, and the command begins to.
_STARTED = """\
import os, sys
from galago import __main__ as command
class Started:
    def find_spec(self, name, path, target=None):
        if name == "galago.cli":
            os.write(int(os.environ["STARTED"]), b"x")
sys.meta_path.insert(0, Started())
command.main()
"""
_PATIENCE = 600.0  # seconds for a command that was told to end


def _commands(folder: Path) -> list[list[str]]:
    """Commands that print, keep files, run a board, or read many pictures."""
    model = str(make_model(folder, "tiny", 1).path)
    shot = folder / "a.ppm"
    shot.write_bytes(picture())
    shots = [str(shot)] * 100
    return [
        ["boards"],
        ["fit", model, "--json"],
        ["doctor"],
        ["emulate", "RPI_PICO", "--storage", str(folder / "kept.img")],
        ["bench", model, "--board", "RPI_PICO2"],
        ["classify", "--model", model, *shots],
        ["classify", "--model", model, "--json", "--resume", str(folder / "lines.jsonl"), *shots],
        ["monitor", "--port", "/dev/ptmx", "--csv", str(folder / "rows.csv")],
        ["sign", "--new-key", str(folder / "new.key")],
    ]


def _check_end(status: int, errors: str, temporary: Path) -> None:
    if "Traceback" in errors or "Exception ignored" in errors:
        raise ValueError(errors[-300:])
    if left := list(temporary.glob("galago-*")):
        raise ValueError(f"it left {left[0].name}")
    if status == 2:
        check_message(errors.strip().splitlines()[-1])


@contextmanager
def signals(folder: Path) -> Iterator[Attack]:
    """Ctrl-C, SIGTERM or SIGHUP at a random moment of nine commands: no traceback, no folder left"""
    commands = _commands(folder)
    temporary = folder / "temporary"
    temporary.mkdir()

    def attempt(dice: Random) -> None:
        command, moment = dice.choice(commands), dice.uniform(0, 3)
        number = dice.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        reader, writer = os.pipe()
        with subprocess.Popen(
            [sys.executable, "-c", _STARTED, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[writer],
            env=os.environ | {"TMPDIR": str(temporary), "STARTED": str(writer)},
        ) as child:
            os.close(writer)
            os.read(reader, 1)
            os.close(reader)
            time.sleep(moment)
            child.send_signal(number)
            try:
                errors = child.communicate(timeout=_PATIENCE)[1]
            except subprocess.TimeoutExpired:
                child.kill()
                raise ValueError(f"{command[0]} goes on after {number.name}") from None
        _check_end(child.returncode, errors, temporary)
        # To a shell, both of the last ones are 128 + number; -number if Python was already shutting down.
        if child.returncode not in (0, 1, 2, 128 + number, -number):
            raise ValueError(f"{command[0]} ended with {child.returncode} after {number.name}")

    yield Attack(attempt)


@contextmanager
def full_disks(folder: Path) -> Iterator[Attack]:
    """The same commands with a full disk, a limit on the size of files, or a reader that leaves"""
    commands = [command for command in _commands(folder) if command[0] not in ("emulate", "monitor")]
    commands.append(["emulate", "RPI_PICO", "--storage", "/dev/full"])
    temporary = folder / "temporary"
    temporary.mkdir()

    def attempt(dice: Random) -> None:
        command, limit = dice.choice(commands), 1 << dice.randrange(6, 21)
        way = dice.choice(("full", "limited", "closed"))
        for name in ("lines.jsonl", "new.key", "new.key.pub"):
            (folder / name).unlink(missing_ok=True)

        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with (
            open("/dev/full", "w", encoding="utf-8") as full,
            subprocess.Popen(
                [*_GALAGO, *command],
                stdout=full if way == "full" else subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"TMPDIR": str(temporary)},
                preexec_fn=limited if way == "limited" else None,
            ) as child,
        ):
            if way == "closed" and child.stdout:
                child.stdout.close()
                child.stdout = None
            try:
                errors = child.communicate(timeout=_PATIENCE)[1]
            except subprocess.TimeoutExpired:
                child.kill()
                raise ValueError(f"{command[0]} does not end, output {way}") from None
        _check_end(child.returncode, errors, temporary)
        if child.returncode not in (0, 1, 2, 141):
            raise ValueError(f"{command[0]} ended with {child.returncode}, output {way}: {errors[-200:]}")

    yield Attack(attempt)


@contextmanager
def terminals(folder: Path) -> Iterator[Attack]:
    """Names and messages of random characters, printed in tables, lines and errors: none acts"""

    def attempt(dice: Random) -> int:
        texts = ["".join(map(chr, _characters(dice))) for _ in range(20)]
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out), safe_streams():
            table = Table("name", "value")
            for text in texts:
                print(text)
                print(GalagoError("usage", text).message, file=sys.stderr)
                table.add_row(escape(text), escape(text[::-1]))
            Console(width=100).print(table)
            Console(width=100).print(texts[0], markup=False)
        acting = [c for c in out.getvalue() if c not in "\n\t" and (c < " " or "\x7f" <= c < "\xa0")]
        acting += [c for c in out.getvalue() if c in "\u2028\u2029\u202e\u2066"]
        if acting:
            raise ValueError(f"{acting[0]!r} was printed")
        return len(texts)

    yield Attack(attempt)


def _characters(dice: Random) -> Iterator[int]:
    for _ in range(dice.randrange(1, 30)):
        kind = dice.randrange(4)
        yield dice.randrange((32, 256, 0x3000, 0x110000)[kind])
        if dice.random() < 0.2:
            yield from map(ord, dice.choice(("[red]", "[/]", "\x1b[2J", "\u202e", "\r\n", "[link=x]")))
