# SPDX-License-Identifier: MIT
"""`galago emulate --qemu`, with a stand-in for the QEMU process, and with the real one if installed."""

import json
import stat
import struct
import sys
from pathlib import Path

import pytest
import serial

from galago.emulator import littlefs, qmp
from galago.emulator.qemu import QemuBoard
from galago.errors import GalagoError
from support.requirements import extra_module, requires

# Names its serial port as QEMU does, and answers in capitals; ends by itself after a Q.
STAND_IN = """#!{python}
import json, os, pty, sys, tty
json.dump(sys.argv[1:], open({log!r}, "w"))
if "broken" in sys.argv:
    sys.exit("qemu-system-arm: unsupported machine type")
master, slave = pty.openpty()
tty.setraw(slave)
print(f"char device redirected to {{os.ttyname(slave)}} (label serial0)", flush=True)
while (data := os.read(master, 100)) != b"Q":
    os.write(master, data.upper())
sys.exit("qemu: fatal: Lockup: can't escalate 3 to HardFault")
"""

ARM, RISCV = 40, 243
EXECUTABLE, RELOCATABLE = 2, 1

# RISC-V, at the start of RAM: writes "!" to the UART of QEMU's machine `virt` forever.
SHOUT = struct.pack("<4I", 0x100002B7, 0x02100313, 0x00628023, 0xFFDFF06F)  # lui t0; li t1; sb t1; j -4

# Adds one to the first byte of the file system in RAM, and then shouts.
COUNT = struct.pack(
    "<8I",
    *(0x100002B7, 0x81000337, 0x00034383, 0x00138393),  # lui t0; lui t1; lbu t2, 0(t1); addi t2, t2, 1
    *(0x00730023, 0x02100E13, 0x01C28023, 0xFFDFF06F),  # sb t2, 0(t1); li t3; sb t3, 0(t0); j -4
)


def elf(path: Path, machine: int = ARM, kind: int = EXECUTABLE) -> Path:
    path.write_bytes(b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack("<HH", kind, machine) + bytes(32))
    return path


def riscv_program(path: Path, code: bytes, address: int) -> Path:
    """An ELF file of one segment, which starts at `address`."""
    identification = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIIIIIHHHHHH", EXECUTABLE, RISCV, 1, address, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 84, address, address, len(code), len(code), 5, 4)
    path.write_bytes(identification + header + segment + code)
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


@pytest.mark.parametrize("machine", [ARM, RISCV])
def test_a_firmware_in_qemu_is_a_port(log: Path, tmp_path: Path, machine: int) -> None:
    firmware = elf(tmp_path / "firmware.elf", machine)
    with QemuBoard(firmware, "mps2-an500") as board:
        with serial.Serial(board.port, timeout=300) as line:
            line.write(b"hello")
            assert line.read(5) == b"HELLO"
        process = board._process
    assert process.returncode is not None, "it ends with the context"
    arguments = json.loads(log.read_text(encoding="utf-8"))
    for expected in (["-machine", "mps2-an500"], ["-serial", "pty"], ["-kernel", str(firmware)]):
        at = arguments.index(expected[0])
        assert arguments[at : at + 2] == expected
    assert ("-bios none" in " ".join(arguments)) == (machine == RISCV)


@requires("qemu-system-riscv32", debian="qemu-system-misc")
def test_a_riscv_firmware_starts_in_place_of_opensbi(tmp_path: Path) -> None:
    firmware = riscv_program(tmp_path / "firmware.elf", SHOUT, 0x80000000)
    with QemuBoard(firmware, "virt") as board, serial.Serial(board.port, timeout=300) as line:
        assert line.read(3) == b"!!!"


@requires("qemu-system-riscv32", debian="qemu-system-misc")
def test_a_file_system_in_ram_is_kept_in_a_file(tmp_path: Path) -> None:
    firmware = riscv_program(tmp_path / "firmware.elf", COUNT, 0x80000000)
    storage = tmp_path / "an, image"
    storage.write_bytes(b"\x07" + bytes(range(256)) * 32 + bytes(4095))
    for count in (8, 9):
        with QemuBoard(firmware, "virt", storage) as board, serial.Serial(board.port, timeout=300) as line:
            assert line.read(1) == b"!"
        assert storage.read_bytes() == bytes([count]) + bytes(range(256)) * 32 + bytes(4095)


def test_a_new_file_system_in_ram_is_an_empty_littlefs(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "_TIMEOUT", 0.1)
    extra_module("littlefs", extra="chips")
    storage = tmp_path / "new"
    board = QemuBoard(elf(tmp_path / "firmware.elf"), "mps2-an500", storage, 0x70000000, 40960)
    with pytest.raises(GalagoError, match="QEMU"), board:  # the stand-in has no monitor
        pass
    assert littlefs.read(storage.read_bytes()) == {}
    assert storage.stat().st_size == 40960
    loader = f"loader,file={storage},addr=0x70000000,force-raw=on"
    assert loader in json.loads(log.read_text(encoding="utf-8"))


def test_storage_that_has_no_place_is_refused(log: Path, tmp_path: Path) -> None:
    firmware, small = elf(tmp_path / "firmware.elf"), tmp_path / "small"
    small.write_bytes(b"x")
    for machine, path, address, size, text in (
        ("sabrelite", tmp_path / "new", None, None, "not for sabrelite: add --storage-address"),
        ("mps2-an500", tmp_path / "new", None, 5000, "5,000 bytes: expected a multiple of 4,096"),
        ("mps2-an500", small, None, None, "1 bytes: expected a multiple"),
        ("mps2-an500", tmp_path / "new", None, -4096, "expected a multiple"),
    ):
        with pytest.raises(GalagoError, match=text) as caught:
            QemuBoard(firmware, machine, path, address, size)
        assert caught.value.code == "board.storage"
    with pytest.raises(GalagoError, match="Is a directory"):
        QemuBoard(firmware, "mps2-an500", tmp_path).start()


def test_a_file_system_that_ends_with_qemu_is_an_error(log: Path, tmp_path: Path) -> None:
    storage = tmp_path / "image"
    storage.write_bytes(b"x" * 8192)
    (tmp_path / "qemu-system-arm").write_text("#!/bin/sh\necho char device redirected to /dev/pts/0\n")
    board = QemuBoard(elf(tmp_path / "firmware.elf"), "mps2-an500", storage)
    with board, pytest.raises(GalagoError, match=r"ended QEMU: .* is as it was at the start"):
        board.wait()
    assert storage.read_bytes() == b"x" * 8192


def test_a_qemu_that_ends_by_itself_is_an_error_with_its_message(log: Path, tmp_path: Path) -> None:
    with QemuBoard(elf(tmp_path / "firmware.elf"), "mps2-an500") as board:
        with serial.Serial(board.port, timeout=300) as line:
            line.write(b"Q")
            board._process.wait(300)
        with pytest.raises(GalagoError, match="QEMU ended: qemu: fatal: Lockup") as caught:
            board.wait()
    assert caught.value.code == "board.emulator"


def test_a_qemu_that_cannot_be_executed_is_an_error(log: Path, tmp_path: Path) -> None:
    (tmp_path / "qemu-system-arm").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(GalagoError, match=r"qemu-system-arm: Exec format error: ") as caught:
        QemuBoard(elf(tmp_path / "firmware.elf"), "mps2-an500").start()
    assert "\n" not in caught.value.message


def test_the_message_of_qemu_is_passed_on(log: Path, tmp_path: Path) -> None:
    with pytest.raises(GalagoError, match="unsupported machine type") as caught:
        QemuBoard(elf(tmp_path / "firmware.elf"), "broken").start()
    assert caught.value.code == "board.emulator"


def test_files_that_are_not_firmware_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("no firmware")
    for path, text in (
        (tmp_path / "none.elf", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "text", "not a 32-bit ELF"),
        (elf(tmp_path / "x86.elf", 3), "ELF machine 3,"),
        (elf(tmp_path / "object.o", ARM, RELOCATABLE), r"not executable \(ELF type 1"),
    ):
        with pytest.raises(GalagoError, match=text) as caught:
            QemuBoard(path, "mps2-an500")
        assert caught.value.code == "board.emulator"
        assert "\n" not in caught.value.message
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GalagoError, match="qemu-system-arm is missing"):
        QemuBoard(elf(tmp_path / "arm.elf"), "mps2-an500")
