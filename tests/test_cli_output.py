# SPDX-License-Identifier: MIT
"""What reaches the terminal: names, labels and messages may hold anything, and none of it acts there."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from galago.cli.output import Console
from galago.cli.progress import progress_bar
from galago.cli.streams import safe_streams
from galago.errors import GalagoError
from galago.printable import printable, printable_lines
from galago.train import Progress

HOSTILE = "a\x1b[2J\x07\x00\x9b31m\u2028\u202eb\ud800"
SHOWN = r"a\u001b[2J\u0007\u0000\u009b31m\u2028\u202eb\ud800"


def test_characters_that_act_are_shown_as_escapes() -> None:
    assert printable(HOSTILE + "\n") == SHOWN + r"\u000a"
    assert printable_lines("a\tb\nc\r") == "a\tb\nc\\u000d"
    kept = "Käse 猫 🐈 ½ █ é \u00a0"
    assert printable(kept) == kept
    assert GalagoError("usage", "two\nlines").message == r"two\u000alines"


def test_print_and_rich_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with safe_streams():
        print(HOSTILE)
        print(json.dumps({"name": HOSTILE}, ensure_ascii=False))
        Console(force_terminal=True, width=200, highlight=False).print(f"[red]{HOSTILE}[/red]")
    lines = stream.getvalue().split("\n")
    assert lines[0] == SHOWN
    assert json.loads(lines[1]) == {"name": HOSTILE}
    shown = SHOWN.replace(r"\u0007", "")  # rich drops the bell
    assert lines[2] == f"\x1b[31m{shown}\x1b[0m", "rich's own colors act"


def test_every_verb_prints_through_the_safe_console() -> None:
    folder = Path(__file__).resolve().parents[1] / "tools" / "galago" / "cli"
    texts = {path.name: path.read_text() for path in folder.glob("*.py") if path.name != "output.py"}
    assert texts
    assert not [name for name, text in texts.items() if "rich.console import Console" in text]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_terminal_that_lacks_characters_gets_bars_in_ascii(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "galago", "fit", "--board", "RPI_PICO2"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stderr
    assert b"####" in done.stdout
    program = "from galago.cli.streams import safe_streams\nwith safe_streams(): print('\u732b \U0001f408')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}
    )
    assert json.loads(b'"' + done.stdout.strip() + b'"') == "猫 🐈"


def test_a_bar_without_a_terminal_prints_nothing() -> None:
    stream = io.StringIO()
    with progress_bar(Console(file=stream)) as progress:
        progress.update(progress.add_task("reading", total=2), completed=1)
    assert stream.getvalue() == ""


def test_progress_without_a_terminal_prints_its_lines_alone() -> None:
    stream = io.StringIO()
    with Progress(Console(file=stream)) as progress:
        progress.begin("training", 2)
        progress.say("epoch 1 of 2")
    assert stream.getvalue() == "epoch 1 of 2\n"


@pytest.mark.slow
def test_a_hostile_picture_name_stays_on_its_line(tmp_path: Path) -> None:
    picture = tmp_path / "x\x1b[2J\n[red]\u2028.png"
    broken = tmp_path / "y\n[red].png"
    Image.new("RGB", (9, 9)).save(picture)
    broken.write_bytes(b"not a picture")
    done = subprocess.run(
        [sys.executable, "-m", "galago", "classify", str(picture), str(broken)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.split("\n")
    assert lines[0].startswith(r"x\u001b[2J\u000a[red]\u2028.png")
    assert lines[1].startswith(r"y\u000a[red].png")
    assert "\x1b" not in done.stdout + done.stderr
