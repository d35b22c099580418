# SPDX-License-Identifier: MIT
"""`galago emulate --qemu`, with a stand-in for QEMU at the border of its process."""

import json
import stat
import struct
import sys
from pathlib import Path

import pytest
import serial

from galago.emulator.qemu import QemuBoard
from galago.errors import GalagoError

# Says where its serial port is as QEMU does, and answers lines in capitals.
STAND_IN = """#!{python}
import json, os, pty, sys, tty
json.dump(sys.argv[1:], open({log!r}, "w"))
if "broken" in sys.argv:
    sys.exit("qemu-system-arm: unsupported machine type")
master, slave = pty.openpty()
tty.setraw(slave)
print(f"char device redirected to {{os.ttyname(slave)}} (label serial0)", flush=True)
while True:
    os.write(master, os.read(master, 100).upper())
"""


def elf(path: Path, machine: int = 40) -> Path:
    path.write_bytes(b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack("<HH", 2, machine) + bytes(32))
    return path


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in, which is on PATH, writes its arguments down."""
    log = tmp_path / "arguments.json"
    for name in ("qemu-system-arm", "qemu-system-riscv32"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable, log=str(log)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log


@pytest.mark.parametrize("machine", [40, 243])
def test_a_firmware_in_qemu_is_a_port(log: Path, tmp_path: Path, machine: int) -> None:
    firmware = elf(tmp_path / "firmware.elf", machine)
    with QemuBoard(firmware, "mps2-an500") as board:
        with serial.Serial(board.port, timeout=10) as line:
            line.write(b"hello")
            assert line.read(5) == b"HELLO"
        process = board._process
    assert process.returncode is not None, "it ends with the context"
    arguments = json.loads(log.read_text())
    for wanted in (["-machine", "mps2-an500"], ["-serial", "pty"], ["-kernel", str(firmware)]):
        at = arguments.index(wanted[0])
        assert arguments[at : at + 2] == wanted


def test_what_qemu_says_is_passed_on(log: Path, tmp_path: Path) -> None:
    with pytest.raises(GalagoError, match="unsupported machine type") as caught:
        QemuBoard(elf(tmp_path / "firmware.elf"), "broken").start()
    assert caught.value.code == "board.emulator"


def test_files_that_are_no_firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("no firmware")
    for path, text in (
        (tmp_path / "none.elf", "No such file"),
        (tmp_path / "text", "no 32-bit ELF"),
        (elf(tmp_path / "x86.elf", 3), "processor 3"),
    ):
        with pytest.raises(GalagoError, match=text):
            QemuBoard(path, "mps2-an500")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GalagoError, match="qemu-system-arm is missing"):
        QemuBoard(elf(tmp_path / "arm.elf"), "mps2-an500")
