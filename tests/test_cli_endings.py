# SPDX-License-Identifier: MIT
"""However a command ends, its last words are one line and nothing is left behind."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from galago import boards
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError, of_file

GALAGO = [sys.executable, "-m", "galago"]


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GALAGO, *arguments], capture_output=True, text=True, **options)  # type: ignore[call-overload]


def test_files_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    for target in (tmp_path / "no" / "such" / "table.csv", tmp_path, Path("/dev/full/x.csv")):
        done = run("monitor", "--port", "/dev/ptmx", "--csv", str(target))
        assert done.returncode == 2
        assert done.stderr.startswith("galago: ")
        assert done.stderr.count("\n") == 1
    assert of_file(OSError(28, "No space left on device", "/x")).code == "disk.full"
    assert of_file(OSError(2, "No such file or directory", "/x")).message.startswith("/x: No such file")


def test_a_full_disk_under_stdout() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([*GALAGO, "fit", "--json"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("free some and run it again\n")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves() -> None:
    with subprocess.Popen([*GALAGO, "boards"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        assert child.wait(600) == 141
        assert child.stderr.read() == b""


def test_closed_streams() -> None:
    command = f"'{sys.executable}' -m galago fit --board RPI_PICO2 --json <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


# A command that gets a signal in a callback of the interpreter, and would go on for a minute.
INTERRUPTED = """\
import signal, sys, time, types, weakref
from galago import __main__ as command

class Thing: pass

def main():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(int(sys.argv[1])))
    del thing
    time.sleep(60)

sys.modules["galago.cli"] = types.SimpleNamespace(main=main)
command.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_in_a_callback_is_not_lost(number: signal.Signals) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(int(number))]
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (128 + number, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_signals_leave_no_temporary_folder(tmp_path: Path, number: signal.Signals) -> None:
    picture = tmp_path / "picture.ppm"
    picture.write_bytes(b"P6 96 96 255\n" + bytes(96 * 96 * 3))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [*GALAGO, "classify", "--json", *[str(picture)] * 2000],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    ) as child:
        assert child.stdout
        assert child.stdout.readline().startswith(b'{"seq": 0')
        child.send_signal(number)
        assert b"Traceback" not in child.communicate(timeout=600)[1]
    assert child.returncode == 128 + number
    assert not list(temporary.glob("galago-*"))


def test_ctrl_c_while_it_starts() -> None:
    program = (
        "import os, signal, sys\nfrom galago import __main__ as command\n"
        "class Late:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'galago.cli.bench': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Late())\ncommand.main()"
    )
    done = subprocess.run([sys.executable, "-c", program, "boards"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize(
    "sizes",
    [{"filesystem": 0}, {"filesystem": 4 * 10**18}, {"heap": 0}, {"heap": 5000}, {"heap": 4 * 10**18}],
)
def test_sizes_that_cannot_be_emulated(sizes: dict[str, int]) -> None:
    with pytest.raises(GalagoError, match="an emulated board has a") as caught:
        EmulatedBoard(replace(boards.load("RPI_PICO"), **sizes))  # type: ignore[arg-type]
    assert caught.value.code == "board.emulator"
