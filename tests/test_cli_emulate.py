# SPDX-License-Identifier: MIT
"""`galago emulate` on the command line: options that contradict each other, and the end by a signal."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.requirements import extra_module, requires

# RISC-V, at the start of RAM: j 0.
WAIT = (0x0000006F).to_bytes(4, "little")


def emulate(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "galago", "emulate", *arguments]


def test_code_runs_with_a_folder_of_the_computer(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("print('größer', 6 * 7)\n", encoding="utf-8")
    code = "import sys; sys.path.insert(0, '/remote'); import program; 1 / 0"
    done = subprocess.run(
        emulate("RPI_PICO", "--mount", str(tmp_path), "--exec", code), capture_output=True, check=False
    )
    assert done.stdout.decode() == "größer 42\n"
    assert done.returncode == 2
    assert done.stderr.endswith(b"ZeroDivisionError: divide by zero\n")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["x.uf2", "--chip", "rp2040", "--qemu", "y.elf"], "two emulators"),
        (["--chip", "rp2040"], "needs a MicroPython image"),
        (["x.uf2", "--chip", "rp2040", "--cores", "board"], "are for emulated boards"),
        (["--qemu", "y.elf", "--firmware", "esp32"], "are for emulated boards"),
        (["RPI_PICO", "--model", "everyday-v1-025-96"], "--model is for --chip"),
        (["RPI_PICO", "--mount", "."], "--mount needs --exec"),
        (["RPI_PICO", "--storage-size", "4096"], "need --qemu and --storage"),
        (["--qemu", "y.elf", "--storage-address", "0"], "need --qemu and --storage"),
        (["--qemu", "y.elf", "--storage", "z", "--storage-address", "here"], "expected an address"),
        (["x.uf2", "--chip", "rp2040"], "x.uf2 cannot be read"),
        (["--qemu", "y.elf"], "y.elf: No such file"),
    ],
)
def test_a_wrong_command_is_one_line(arguments: list[str], text: str, tmp_path: Path) -> None:
    done = subprocess.run(emulate(*arguments), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@requires("qemu-system-riscv32", debian="qemu-system-misc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_the_file_system(tmp_path: Path, number: signal.Signals) -> None:
    extra_module("littlefs", extra="chips")
    from emulator.test_qemu import riscv_program

    firmware = riscv_program(tmp_path / "firmware.elf", WAIT, 0x80000000)
    storage = tmp_path / "board.img"
    arguments = ["--qemu", str(firmware), "--machine", "virt", "--storage", str(storage)]
    with subprocess.Popen(emulate(*arguments), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert re.search(r"is at /dev/pts/\d+", process.stdout.readline())
        os.kill(process.pid, number)
        process.stdout.read()
    assert process.returncode == 0
    assert storage.stat().st_size == 2 << 20
