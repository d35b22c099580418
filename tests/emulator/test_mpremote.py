# SPDX-License-Identifier: MIT
"""Unmodified mpremote works on an emulated board as on any other."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from instruments import Image

from galago import boards
from galago.emulator import EmulatedBoard

Mpremote = Callable[..., str]

# Every byte value, so also 0x03 (Ctrl-C), 0x04 and CR without LF.
BINARY = bytes(range(256)) * 40 + b"\r\n\x03\x03\x04\x01" * 50


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "binary.dat"
    path.write_bytes(BINARY)
    return path


def test_cp_to_the_board_and_back_keeps_every_byte(
    board: EmulatedBoard, mpremote: Mpremote, binary: Path, tmp_path: Path
) -> None:
    mpremote(board.port, "fs", "cp", binary, ":binary.dat")
    mpremote(board.port, "fs", "cp", ":binary.dat", tmp_path / "back.dat")
    assert (tmp_path / "back.dat").read_bytes() == BINARY
    assert hashlib.sha256(BINARY).hexdigest() in mpremote(board.port, "fs", "sha256sum", "binary.dat")


def test_ls_shows_name_and_size(board: EmulatedBoard, mpremote: Mpremote, binary: Path) -> None:
    mpremote(board.port, "fs", "cp", binary, ":listed.dat")
    lines = mpremote(board.port, "fs", "ls").splitlines()
    assert f"{len(BINARY):12} listed.dat" in lines


def test_cat_prints_a_text_file(board: EmulatedBoard, mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("eins\nzwei drei\n")
    mpremote(board.port, "fs", "cp", tmp_path / "note.txt", ":note.txt")
    assert mpremote(board.port, "fs", "cat", "note.txt").split() == ["eins", "zwei", "drei"]


def test_mkdir_rm_and_rmdir(board: EmulatedBoard, mpremote: Mpremote, binary: Path) -> None:
    mpremote(board.port, "fs", "mkdir", "folder")
    mpremote(board.port, "fs", "cp", binary, ":folder/x")
    assert "folder/" in mpremote(board.port, "fs", "ls")
    mpremote(board.port, "fs", "rmdir", "folder", status=1)  # not empty
    mpremote(board.port, "fs", "rm", "folder/x")
    mpremote(board.port, "fs", "rmdir", "folder")
    assert "folder/" not in mpremote(board.port, "fs", "ls")


def test_df_shows_the_file_system_of_the_toml(board: EmulatedBoard, mpremote: Mpremote) -> None:
    rows = mpremote(board.port, "df").splitlines()
    assert rows[1].split()[:2] == ["<VfsLfs2>", str(board.board.filesystem)]
    assert rows[1].split()[-1] == "/"
    assert len(rows) == 2, "nothing else is mounted"


def test_exec_eval_and_run(board: EmulatedBoard, mpremote: Mpremote, tmp_path: Path) -> None:
    assert mpremote(board.port, "exec", "print(6 * 7)").strip() == "42"
    assert mpremote(board.port, "eval", "6 * 7").strip() == "42"
    (tmp_path / "script.py").write_text("for i in range(3):\n    print('line', i)\n")
    assert mpremote(board.port, "run", tmp_path / "script.py").splitlines() == ["line 0", "line 1", "line 2"]


def test_exec_shows_the_traceback(board: EmulatedBoard, mpremote: Mpremote) -> None:
    assert "ZeroDivisionError: divide by zero" in mpremote(board.port, "exec", "1/0", status=1)


def test_each_session_starts_fresh_unless_resumed(board: EmulatedBoard, mpremote: Mpremote) -> None:
    mpremote(board.port, "exec", "kept = 1")
    mpremote(board.port, "exec", "print(kept)", status=1)  # a soft reset came between
    mpremote(board.port, "exec", "kept = 1")
    assert mpremote(board.port, "resume", "exec", "print(kept)").strip() == "1"


def test_mount_reads_writes_and_imports(
    board: EmulatedBoard, mpremote: Mpremote, binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "imported.py").write_text("value = 'imported'\n")
    script = (
        "import imported; print(imported.value)\n"
        "data = open('/remote/binary.dat', 'rb').read()\n"
        "open('/remote/copy.dat', 'wb').write(data)\n"
        "print(len(data))\n"
    )
    printed = mpremote(board.port, "mount", tmp_path, "exec", script)
    assert printed.split()[-2:] == ["imported", str(len(BINARY))]
    assert (tmp_path / "copy.dat").read_bytes() == BINARY


def test_soft_reset_clears_memory(board: EmulatedBoard, mpremote: Mpremote) -> None:
    mpremote(board.port, "exec", "kept = 1")
    mpremote(board.port, "resume", "soft-reset")
    mpremote(board.port, "resume", "exec", "print(kept)", status=1)


def test_reset_is_a_hard_reset_and_runs_main(
    new_board: EmulatedBoard, image: Image, mpremote: Mpremote, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(
        "import machine\nwith open('cause', 'w') as f:\n    f.write('cause is %d' % machine.reset_cause())\n"
    )
    mpremote(new_board.port, "fs", "cp", tmp_path / "main.py", ":main.py")
    mpremote(new_board.port, "reset")
    image.expect(b"cause is 2")  # machine.HARD_RESET
    assert mpremote(new_board.port, "fs", "cat", "cause").strip() == "cause is 2"


@pytest.mark.slow
def test_a_full_disk_says_so(mpremote: Mpremote, tmp_path: Path) -> None:
    small = replace(boards.load("RPI_PICO"), filesystem=65_536)
    (tmp_path / "big.dat").write_bytes(bytes(small.filesystem))
    with EmulatedBoard(small) as board:
        output = mpremote(board.port, "fs", "cp", tmp_path / "big.dat", ":big.dat", status=1)
        assert "No space left on device" in output
        assert mpremote(board.port, "exec", "print('alive')").strip() == "alive"
