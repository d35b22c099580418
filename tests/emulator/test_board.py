# SPDX-License-Identifier: MIT
"""An emulated board behaves as a real board, seen from its serial line."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import serial
from instruments import LONGEST, Console, Image, interpreters, wait_for

from galago import boards, transport
from galago.emulator import EmulatedBoard, relay, terminal
from galago.errors import GalagoError


def install(board: EmulatedBoard, image: Image, name: str, program: str) -> None:
    """Puts a file on the board and disconnects before it runs."""
    with Console(board.port) as line:
        line.raw()
        line.write(f"with open({name!r}, 'w') as f: f.write({program!r})\nprint('do' + 'ne')\x04".encode())
        line.expect(b"done\r\n\x04\x04>")


# The environment of a program


def test_nothing_of_the_host_is_visible(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.friendly()
        line.type(b"import os, sys; os.getcwd(), os.listdir('/'), sys.path, sys.argv")
        assert line.expect(b"\r\n>>> ") == b"('/', [], ['', '.frozen', '/lib'], [])\r\n>>> "
        line.type(b"sorted(dir())")
        assert line.expect(b">>> ") == b"['__name__', 'os', 'sys']\r\n>>> "
        line.type(b"open('/proc/self/status')")
        assert b"ENOENT" in line.expect(b">>> ")


def test_the_heap_is_the_toml_s_in_objects(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.friendly()
        line.type(b"import gc; _ = gc.collect(); gc.mem_free() + gc.mem_alloc(), gc.mem_alloc()")
        total, used = eval(line.expect(b"\r\n>>> ")[:-4])
        assert abs(total - 2 * board.board.heap) < 64  # two bytes on x64 for one of a 32-bit board
        assert used < 2 * 6256 + 4096, "startup took much more heap than on a board (its TOML)"


def test_machine_is_that_of_a_board(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.friendly()
        line.type(b"import machine; machine.freq(), len(machine.unique_id()), machine.WDT().feed()")
        assert line.expect(b"\r\n>>> ") == b"(150000000, 8, None)\r\n>>> "


# Bytes on the line


def test_printed_lines_end_with_cr_lf_and_bytes_stay_bytes(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        program = (
            "import sys\nprint('a')\nprint('b\\nc\\r\\n', end='')\nsys.stdout.write('d\\n')\n"
            "sys.stdout.buffer.write(bytes(range(256)) * 20)\n"
            "sys.stdout.buffer.write(b'xy\\nz', 3)\nprint('e')"
        )
        line.write(program.encode() + b"\x04")
        expected = b"OKa\r\nb\r\nc\r\nd\r\n" + bytes(range(256)) * 20 + b"xy\ne\r\n\x04\x04>"
        assert line.expect(expected) == expected


def test_every_byte_reaches_a_program_that_takes_no_interrupts(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        line.write(
            b"import sys, micropython\nmicropython.kbd_intr(-1)\nprint('go')\nn = 0\nb = bytearray(256)\n"
            b"while n < 256:\n n += sys.stdin.buffer.readinto(memoryview(b)[n:])\n"
            b"micropython.kbd_intr(3)\nprint(b == bytes(range(256)))\x04"
        )
        line.expect(b"go\r\n")
        line.write(bytes(range(256)))
        assert line.expect(b"\x04\x04>") == b"True\r\n\x04\x04>"


def test_a_long_text_is_printed_whole(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        line.write(b"print('0123456789' * 40000)\x04")
        assert line.expect(b"\x04\x04>") == b"OK" + b"0123456789" * 40000 + b"\r\n\x04\x04>"


# Resets


def test_ctrl_d_is_a_soft_reset_at_the_friendly_repl(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.friendly()
        line.type(b"kept = 1")
        line.expect(b">>> ")
        line.write(b"\x04")
        line.expect(b"MPY: soft reboot\r\n")
        line.expect(b"information.\r\n>>> ")
        line.type(b"import machine; machine.reset_cause() == machine.SOFT_RESET, 'kept' in dir()")
        assert line.expect(b">>> ") == b"(True, False)\r\n>>> "


def test_ctrl_d_at_the_raw_repl_comes_back_to_the_raw_repl(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        line.write(b"\x04")
        expected = b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>"
        assert line.expect(expected) == expected
        line.write(b"print(1)\x04")
        assert line.expect(b">") == b"OK1\r\n\x04\x04>"


def test_boot_and_main_run_after_a_soft_reset(new_board: EmulatedBoard, image: Image) -> None:
    install(new_board, image, "boot.py", "print('boot')\nbooted = True\n")
    install(new_board, image, "main.py", "print('main', booted, __name__)\n")
    with Console(new_board.port) as line:
        line.friendly()
        line.write(b"\x04")
        output = line.expect(b">>> ")
        assert b"MPY: soft reboot\r\nboot\r\nmain True __main__\r\nMicroPython " in output
        line.raw()
        line.write(b"\x04")  # from the raw REPL main.py does not run
        expected = b"OK\r\nMPY: soft reboot\r\nboot\r\nraw REPL; CTRL-B to exit\r\n>"
        assert line.expect(b"exit\r\n>") == expected


def test_a_failing_main_is_reported_as_on_a_board(new_board: EmulatedBoard, image: Image) -> None:
    install(new_board, image, "main.py", "def f():\n    1/0\nf()\n")
    with Console(new_board.port) as line:
        line.friendly()
        line.write(b"\x04")
        line.expect(b"soft reboot\r\n")
        assert line.expect(b"by zero\r\n") == (
            b"Traceback (most recent call last):\r\n"
            b'  File "main.py", line 3, in <module>\r\n'
            b'  File "main.py", line 2, in f\r\n'
            b"ZeroDivisionError: divide by zero\r\n"
        )
        line.expect(b">>> ")


def test_main_does_not_run_after_a_failing_boot(new_board: EmulatedBoard, image: Image) -> None:
    install(new_board, image, "boot.py", "syntax error\n")
    install(new_board, image, "main.py", "print('main')\n")
    with Console(new_board.port) as line:
        line.friendly()
        line.write(b"\x04")
        output = line.expect(b">>> ")
        assert b"SyntaxError" in output
        assert b"main\r\n" not in output


def test_sys_exit_in_main_is_a_soft_reset(new_board: EmulatedBoard, image: Image) -> None:
    main = (
        "import os, sys\ntry:\n    os.stat('once')\n    print('second time')\n"
        "except OSError:\n    open('once', 'w').close()\n    sys.exit()\n"
    )
    install(new_board, image, "main.py", main)
    with Console(new_board.port) as line:
        line.friendly()
        line.write(b"\x04")
        output = line.expect(b">>> ")
        assert output.count(b"MPY: soft reboot\r\n") == 2
        assert b"second time\r\n" in output


def test_machine_reset_and_the_button_are_hard_resets(new_board: EmulatedBoard) -> None:
    with Console(new_board.port) as line:
        line.raw()  # which a hard reset leaves
        line.write(b"import machine; machine.reset()\x04")
        line.expect(b"information.\r\n>>> ")
        line.type(b"import machine; machine.reset_cause() == machine.HARD_RESET")
        line.expect(b"True\r\n>>> ")
        new_board.reset()
        line.expect(b"information.\r\n>>> ")


def test_after_a_crash_the_board_reports_it_and_starts_again() -> None:
    others = interpreters()
    with EmulatedBoard(boards.load("RPI_PICO")) as crashing, Console(crashing.port) as line:
        line.friendly()
        line.raw()
        line.write(b"import micropython\n@micropython.viper\ndef f():\n    ptr8(0)[0] = 1\nf()\x04")
        line.expect(b"\r\nThe interpreter was ended by SIGSEGV: the board starts again.\r\n")
        line.expect(b">>> ")
        (interpreter,) = interpreters() - others
        os.kill(interpreter, signal.SIGKILL)
        line.expect(b"\r\nThe interpreter was ended by SIGKILL: the board starts again.\r\n")
        line.expect(b">>> ")


# Ctrl-C


@pytest.mark.parametrize(
    "busy",
    [
        "while True: pass",
        "import time\nwhile True: time.sleep(100)",
        "while True: input()",
        "import sys\nwhile True: sys.stdin.buffer.read(1)",
        "while True: print('x' * 100)",
        "while True:\n f = open('f', 'w')\n f.write('x' * 5000)\n f.close()",
        "import gc\nwhile True: gc.collect()",
    ],
    ids=["loop", "sleep", "input", "read", "print", "files", "gc"],
)
def test_ctrl_c_stops(board: EmulatedBoard, busy: str) -> None:
    with Console(board.port) as line:
        for start in (line.raw, line.friendly):
            start()
            line.write(b"\x05" if start == line.friendly else b"")
            line.write(f"print('st' + 'art')\n{busy}\n".encode() + b"\x04")
            line.expect(b"start\r\n")
            line.write(b"\x03")
            line.expect(b"KeyboardInterrupt: \r\n")
            line.expect(b">")


def test_ctrl_c_twice_stops_native_code_that_never_ends(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        line.write(
            b"import micropython\n@micropython.viper\ndef f():\n    while True: pass\n"
            b"print('st' + 'art')\nf()\x04"
        )
        line.expect(b"start\r\n")
        line.write(b"\x03")
        wait_for(lambda: _insists(board._relay), "the time after which a second Ctrl-C is forced")
        line.write(b"\x03")  # once: another one would interrupt the traceback
        line.expect(b"KeyboardInterrupt: \r\n\x04>")
        line.write(b"print(1)\x04")
        line.expect(b"OK1\r\n\x04\x04>")


def _insists(board: relay.Relay) -> bool:
    first = board._interrupted
    return first is not None and time.monotonic() - first > relay._INSIST


def test_ctrl_c_while_the_board_starts_stops_main(new_board: EmulatedBoard, image: Image) -> None:
    install(new_board, image, "main.py", "while True: pass\n")
    with Console(new_board.port) as line:
        line.friendly()
        for _ in range(5):
            line.write(b"\x04")
            line.expect(b"soft reboot\r\n")
            line.write(b"\x03")
            assert b"KeyboardInterrupt: \r\n" in line.expect(b">>> ")


def test_files_stay_whole_when_writing_is_interrupted(board: EmulatedBoard) -> None:
    # Ctrl-C during a file system operation would leave it broken: it waits for the end of the operation.
    with Console(board.port) as line:
        line.raw()
        for round_ in range(20):
            line.write(
                b"print('st' + 'art')\ni = 0\nwhile True:\n i += 1\n"
                b" with open('f%d' % (i % 5), 'w') as f: f.write('x' * 3000)\n"
                b" with open('f%d' % (i % 5)) as f: assert f.read() == 'x' * 3000\x04"
            )
            line.expect(b"start\r\n")
            line.write(b"\x03")
            output = line.expect(b"\x04>")
            assert b"KeyboardInterrupt" in output, (round_, output)


def test_input_that_nobody_reads_does_not_keep_ctrl_c_away(
    board: EmulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_INBOX_TIMEOUT", 0.1)
    with Console(board.port) as line:
        line.raw()
        line.write(b"print('st' + 'art')\nwhile True: pass\x04")
        line.expect(b"start\r\n")
        line.write(b"x" * 1_000_000 + b"\x03")
        line.expect(b"KeyboardInterrupt: \r\n\x04>")


# Clients


def test_many_clients_one_after_the_other(board: EmulatedBoard) -> None:
    for count in range(30):
        with Console(board.port) as line:
            line.friendly()
            line.type(b"%d" % count)
            line.expect(b"%d\r\n>>> " % count)


def test_a_new_client_sees_no_old_output(board: EmulatedBoard) -> None:
    with Console(board.port) as line:
        line.raw()
        line.write(b"print('old' * 1000)\x04")
        line.expect(b"old")
    wait_for(lambda: not board._relay._terminal.attached, "the board notices that its client has gone")
    with Console(board.port) as line:
        line.write(b"\x02")
        assert b"old" not in line.expect(b">>> ")


def test_a_second_client_is_refused(board: EmulatedBoard) -> None:
    with Console(board.port), pytest.raises(serial.SerialException, match="exclusively lock"):
        Console(board.port)


def test_a_program_goes_on_with_nobody_connected(new_board: EmulatedBoard, image: Image) -> None:
    main = "for i in range(3000): print('x' * 100)\nwith open('m', 'w') as f: f.write('through' + ' it')\n"
    install(new_board, image, "main.py", main)
    new_board.reset()
    image.expect(b"through it")


def test_a_program_goes_on_when_the_client_does_not_read(
    new_board: EmulatedBoard, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_CLIENT_TIMEOUT", 0.1)
    with Console(new_board.port) as line:
        line.raw()
        line.write(
            b"for i in range(9000): print('x' * 100)\n"
            b"with open('m', 'w') as f: f.write('through' + ' it')\x04"
        )
        image.expect(b"through it")
        line.reset_input_buffer()
        line.raw()  # and the line works again


def test_a_slow_client_gets_everything(board: EmulatedBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_CLIENT_TIMEOUT", LONGEST)
    with Console(board.port) as line:
        line.raw()
        line.write(b"for i in range(20000): print('%5d 0123456789' % i)\x04")
        wait_for(lambda: line.in_waiting > 4000, "a full line")  # and not read before
        output = line.expect(b"\x04\x04>")
        assert output == b"OK" + b"".join(b"%5d 0123456789\r\n" % i for i in range(20000)) + b"\x04\x04>"


def test_unplugging_is_noticed_by_the_client() -> None:
    others = interpreters()
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        port = Path(emulated.port)
        made = port.stat().st_ctime_ns
        with Console(emulated.port) as line:
            line.friendly()
            emulated.unplug()
            with pytest.raises(OSError, match=r"disconnected|Input/output error"):
                line.expect(b"nothing")
        with suppress(FileNotFoundError):  # or another program has the number now
            assert port.stat().st_ctime_ns > made
    assert interpreters() == others


# Storage


def test_an_stm32_has_a_fat_with_the_space_that_its_file_names() -> None:
    spec = boards.load("NUCLEO_F401RE")
    with EmulatedBoard(spec) as board, transport.connect(board.port) as connected:
        assert connected.space() == (512, spec.file_space)


def test_the_image_keeps_files_between_runs(tmp_path: Path) -> None:
    known = boards.load("RPI_PICO")
    path = tmp_path / "flash.img"
    for expected in (b"[]", b"['kept']"):
        with EmulatedBoard(known, path) as emulated, Console(emulated.port) as line:
            line.friendly()
            line.type(b"import os; os.listdir()")
            assert line.expect(b"\r\n>>> ") == expected + b"\r\n>>> "
            line.type(b"open('kept', 'w').close()")
            line.expect(b">>> ")
    assert path.stat().st_size == known.filesystem


def test_an_image_that_is_damaged_is_formatted_as_on_a_board(tmp_path: Path) -> None:
    known = boards.load("RPI_PICO")
    (tmp_path / "flash.img").write_bytes(b"\xa5" * known.filesystem)
    with EmulatedBoard(known, tmp_path / "flash.img") as emulated, Console(emulated.port) as line:
        line.friendly()
        line.type(b"import os; os.listdir()")
        line.expect(b"[]\r\n>>> ")


def test_images_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    known = boards.load("RPI_PICO")
    (tmp_path / "small.img").write_bytes(bytes(4096))
    for path, reason in [
        (tmp_path / "small.img", "has 4,096 bytes"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none" / "x.img", "No such file"),
    ]:
        with pytest.raises(GalagoError, match=reason) as caught:
            EmulatedBoard(known, path).start()
        assert caught.value.code == "board.storage"
    assert (tmp_path / "small.img").read_bytes() == bytes(4096)
    with EmulatedBoard(known, tmp_path / "used.img"), pytest.raises(GalagoError, match="in use") as caught:
        EmulatedBoard(known, tmp_path / "used.img").start()
    assert caught.value.code == "board.storage"


def test_an_interpreter_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "micropython"
    broken.write_text("#!/bin/sh\necho this is no interpreter\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("GALAGO_MICROPYTHON", str(broken))
    with pytest.raises(GalagoError, match="this is no interpreter") as caught:
        EmulatedBoard(boards.load("RPI_PICO")).start()
    assert caught.value.code == "board.emulator"
    monkeypatch.setenv("GALAGO_MICROPYTHON", str(tmp_path / "missing"))
    with pytest.raises(GalagoError, match="missing") as caught:
        EmulatedBoard(boards.load("RPI_PICO")).start()
    assert caught.value.code == "board.emulator"


def test_an_own_binary_works_as_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    own = tmp_path / "micropython"
    own.write_text(f'#!/bin/sh\nexec {sys.executable} -m micropython_unix "$@"\n')
    own.chmod(0o755)
    monkeypatch.setenv("GALAGO_MICROPYTHON", str(own))
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, Console(emulated.port) as line:
        line.raw()
        line.write(b"print('st' + 'art')\nwhile True: pass\x04")
        line.expect(b"start\r\n")
        line.write(b"\x03")
        line.expect(b"KeyboardInterrupt: \r\n\x04>")
        line.write(b"\x04")
        line.expect(b"soft reboot\r\nraw REPL; CTRL-B to exit\r\n>")
