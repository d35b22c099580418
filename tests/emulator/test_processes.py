# SPDX-License-Identifier: MIT
"""However an emulated board or `galago emulate` ends, no process is left behind."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from instruments import LONGEST, Console, interpreters, wait_for

from galago import boards
from galago.emulator import EmulatedBoard


@contextmanager
def emulate(*arguments: str) -> Iterator[tuple[subprocess.Popen, str, int]]:
    """Runs `galago emulate` in a subprocess. Yields it, its port and the process id of its interpreter."""
    command = [sys.executable, "-c", "from galago.__main__ import main; main()", "emulate", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as owner:
        try:
            assert owner.stdout is not None
            first = owner.stdout.readline()
            assert "/dev/pts/" in first, first + owner.stdout.read()
            (interpreter,) = interpreters(owner.pid)
            yield owner, first.split()[-1], interpreter
        finally:
            owner.kill()


def test_leaving_the_context_leaves_nothing() -> None:
    gc.collect()  # files that other tests have left open
    before = interpreters(), set(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
            assert len(interpreters()) == len(before[0]) + 1
            with Console(emulated.port) as line:
                line.raw()
                line.write(b"print('st' + 'art')\nwhile True: pass\x04")
                line.expect(b"start")
    assert (interpreters(), set(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_ending_galago_emulate_leaves_nothing(number: signal.Signals) -> None:
    with emulate("RPI_PICO") as (owner, port, interpreter):
        with Console(port) as line:
            line.raw()
            line.write(b"print('st' + 'art')\nwhile True: pass\x04")
            line.expect(b"start")
        os.kill(owner.pid, number)
        status = owner.wait(LONGEST)
    wait_for(lambda: not Path(f"/proc/{interpreter}").exists(), "the end of the interpreter")
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)


def test_galago_emulate_keeps_the_storage(tmp_path: Path) -> None:
    for expected in (b"[]", b"['kept']"):
        with emulate("--storage", str(tmp_path / "flash.img")) as (_, port, _), Console(port) as line:
            line.friendly()
            line.type(b"import os; os.listdir()")
            line.expect(expected + b"\r\n>>> ")
            line.type(b"open('kept', 'w').close()")
            line.expect(b">>> ")


def test_galago_emulate_refuses_an_unknown_board() -> None:
    command = [sys.executable, "-c", "from galago.__main__ import main; main()", "emulate", "RPI_PICO3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert done.stderr.startswith("galago: no board RPI_PICO3: did you mean RPI_PICO")
    assert done.stderr.count("\n") == 1


def test_interrupting_galago_classify_leaves_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "picture.ppm"
    picture.write_bytes(b"P6 96 96 255\n" + bytes(96 * 96 * 3))
    command = [sys.executable, "-m", "galago", "classify", "--json", *[str(picture)] * 2000]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert '"seq": 0' in process.stdout.readline()
        (interpreter,) = interpreters(process.pid)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in errors
    assert len(rest.splitlines()) < 2000 - 1
    wait_for(lambda: not Path(f"/proc/{interpreter}").exists(), "the end of the interpreter")
