# SPDX-License-Identifier: MIT
"""The connection to a board: all works on an emulated one; every failure soon is one error with a code."""

import hashlib
import os
import pty
import random
import select
import signal
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import serial
from mpremote.transport_serial import PyboardCommand, fs_hook_cmds

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.transport import board as transport_board
from galago.transport import ports, timed_port, upload
from galago.transport.served_folder import ServedFolder
from galago.transport.timed_port import TimedPort
from support.lost_answers import LostAnswers

READ = fs_hook_cmds["CMD_READ"]
DATA = random.Random(7).randbytes(20_000) + bytes(range(256))


@pytest.fixture(scope="module")
def emulated() -> Iterator[EmulatedBoard]:
    with EmulatedBoard(boards.load("RPI_PICO")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(emulated: EmulatedBoard) -> Iterator[transport.Board]:
    with transport.connect(emulated.port) as board:
        yield board


@pytest.fixture
def board(shared: transport.Board) -> transport.Board:
    """A connected board with an empty file system and memory."""
    shared.soft_reset()
    for entry in shared.listdir("/"):
        assert not entry.is_folder
        shared.remove("/" + entry.name)
    return shared


@contextmanager
def fake_board(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """A port with no MicroPython at its other end: `answer` gets what arrives, b"" while nothing does."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with suppress(BlockingIOError):
                heard = os.read(master, 1000) if select.select([master], [], [], 0.01)[0] else b""
                os.write(master, answer(heard) or b"")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)


@contextmanager
def slow_line(port: str, delay: float) -> Iterator[str]:
    """A port to the board at `port` whose answers all arrive `delay` seconds late."""
    board = serial.Serial(port, timeout=0)
    waiting: list[tuple[float, bytes]] = []

    def answer(heard: bytes) -> bytes:
        board.write(heard)
        now = time.monotonic()
        if data := board.read(100_000):
            waiting.append((now + delay, data))
        due = [data for when, data in waiting if when <= now]
        del waiting[: len(due)]
        return b"".join(due)

    with board, fake_board(answer) as slow:
        yield slow


def code_of(call: Callable[[], object]) -> str:
    """The code of the error that `call` raises; its message is one line."""
    with pytest.raises(GalagoError) as caught:
        call()
    assert "\n" not in caught.value.message
    return caught.value.code


# What works


def test_implementation_names_the_interpreter(board: transport.Board) -> None:
    found = board.implementation
    assert found["name"] == "micropython"
    assert found["version"][:2] >= (1, 27)
    assert found["arch"] == "x64"
    assert found["mpy"] & 0xFF == 6
    assert found["platform"] == "linux"


def test_exec_returns_what_was_printed(board: transport.Board) -> None:
    assert board.exec("print('ä', 1)\nprint('x' * 5000)") == "ä 1\n" + "x" * 5000 + "\n"
    assert board.exec("kept = 1") == ""
    assert board.exec("print(kept)") == "1\n"


def test_exec_raises_the_device_s_exception(board: transport.Board) -> None:
    with pytest.raises(GalagoError, match="ZeroDivisionError: divide by zero") as caught:
        board.exec("def f():\n    1/0\nf()")
    assert caught.value.code == "board.exec"
    assert 'File "<stdin>", line 2, in f' in caught.value.__cause__.error_output  # type: ignore[union-attr]
    assert code_of(lambda: board.exec("not python")) == "board.exec"
    assert board.exec("print(1)") == "1\n"


def test_stream_passes_on_each_line(board: transport.Board) -> None:
    lines: list[str] = []
    board.stream("for i in range(3):\n    print('line', i)\nprint('no end', end='')", lines.append)
    assert lines == ["line 0", "line 1", "line 2", "no end"]


def test_stream_passes_lines_on_at_once(board: transport.Board, tmp_path: Path) -> None:
    # The board goes on when it sees the file that is made once its line has arrived here.
    def answer(line: str) -> None:
        (tmp_path / f"{line}.txt").write_text("seen")

    program = (
        "import os\n"
        "for name in ('a', 'b'):\n"
        "    print(name)\n"
        "    while name + '.txt' not in os.listdir('/remote'): pass\n"
    )
    with board.mount(tmp_path):
        board.stream(program, answer, timeout=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_put_and_get_keep_every_byte(board: transport.Board) -> None:
    sent: list[int] = []
    board.put(DATA, "/x.bin", sent.append)
    assert board.get("/x.bin") == DATA
    assert board.sha256("/x.bin") == hashlib.sha256(DATA).hexdigest()
    assert sent == sorted(sent)
    assert sent[-1] == len(DATA)
    board.put(b"", "/x.bin")
    assert board.get("/x.bin") == b""
    assert [entry.name for entry in board.listdir("/")] == ["x.bin"], "nothing temporary is left"


def test_files_and_folders(board: transport.Board) -> None:
    board.makedirs("/a/b c/d'e")
    board.makedirs("/a/b c/d'e")
    board.put(b"1", "/a/b c/d'e/ü")
    assert board.listdir("/a/b c/d'e") == [transport.DirEntry("ü", False, 1)]
    assert board.listdir("/a") == [transport.DirEntry("b c", True, 0)]
    board.put(b"22", "/y")
    board.rename("/y", "/a/b c/d'e/ü")
    assert board.get("/a/b c/d'e/ü") == b"22"
    for path in ("/a/b c/d'e/ü", "/a/b c/d'e", "/a/b c", "/a"):
        board.remove(path)
    assert board.listdir() == []


def test_missing_files(board: transport.Board) -> None:
    assert board.sha256("/none") is None
    for call in (board.get, board.remove, board.listdir):
        assert code_of(lambda call=call: call("/none")) == "board.file"
    assert code_of(lambda: board.put(b"x", "/none/x")) == "board.file"
    assert code_of(lambda: board.rename("/none", "/x")) == "board.file"


def test_a_full_board_keeps_what_it_had(board: transport.Board, emulated: EmulatedBoard) -> None:
    board.put(DATA, "/model")
    assert code_of(lambda: board.put(bytes(emulated.board.filesystem), "/model")) == "board.full"
    assert board.sha256("/model") == hashlib.sha256(DATA).hexdigest()
    assert [entry.name for entry in board.listdir()] == ["model"]


def test_mount_shows_a_folder(board: transport.Board, tmp_path: Path) -> None:
    (tmp_path / "in.bin").write_bytes(DATA)
    (tmp_path.parent / "other").write_bytes(b"secret")
    with board.mount(tmp_path):
        assert board.sha256("/remote/in.bin") == hashlib.sha256(DATA).hexdigest()
        assert board.exec("import os; print(os.getcwd())") == "/\n"
        board.put(b"beside", "/beside")
        for write in ("open('/remote/out.bin', 'wb')", "open('/remote/in.bin', 'ab')"):
            with pytest.raises(GalagoError, match=r"OSError: (30|.*EROFS)"):
                board.exec(write)
        for escape in ("open('/remote/../other', 'rb')", "open('/remote//etc/passwd', 'rb')"):
            with pytest.raises(GalagoError, match="OSError"):
                board.exec(escape)
    assert (tmp_path / "in.bin").read_bytes() == DATA
    assert "remote" not in [entry.name for entry in board.listdir("/")]


def test_soft_reset_clears_the_memory(board: transport.Board) -> None:
    board.exec("kept = 1")
    board.soft_reset()
    assert board.exec("print('kept' in dir())") == "False\n"


def test_connecting_interrupts_main_without_a_reset_and_leaves_the_friendly_repl() -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        with transport.connect(emulated.port) as board:
            board.put(b"runs = True\nwhile True: print('busy')\n", "/main.py")
        emulated.reset()
        with transport.connect(emulated.port) as board:
            first = board.exec("print('runs' in dir())")
            board.exec("mark = 1")
        with transport.connect(emulated.port) as board:
            assert board.exec("print(mark)") == "1\n"
        with serial.Serial(emulated.port, timeout=300) as line:
            line.write(b"'mark', mark\r")  # an earlier prompt may still be on its way
            answer = b"('mark', 1)\r\n>>> "
            assert line.read_until(answer).endswith(answer)
        # main.py ran unless Ctrl-C came first, while the board started.
        assert first in ("True\n", "False\n")


# Programs that do not give way

SWALLOWS = b"""
import time
while True:
    try:
        while True:
            print("tick", "tock")
            time.sleep(0.05)
    except:
        print("restarting")
        time.sleep(0.5)
"""
TAKES_NO_CTRL_C = b"import micropython, time\nmicropython.kbd_intr(-1)\n" + SWALLOWS


@pytest.mark.slow
@pytest.mark.parametrize("program", [SWALLOWS, TAKES_NO_CTRL_C], ids=["except", "kbd_intr"])
def test_a_program_that_swallows_ctrl_c_is_stopped_or_named(
    program: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_board, "_ATTEMPT", 0.3)
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        with transport.connect(emulated.port) as board:
            board.put(program, "/main.py")
        with serial.Serial(emulated.port, timeout=300) as line:
            line.write(b"\x04")
            line.read_until(b"tock")
        if program == SWALLOWS:
            with transport.connect(emulated.port) as board:
                assert board.exec("print(1)") == "1\n"
        else:
            with pytest.raises(GalagoError, match=r"a program prints .*tick tock.* press the board's reset"):
                transport.connect(emulated.port)


@pytest.mark.slow
def test_a_boot_py_may_take_its_time() -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, transport.connect(emulated.port) as board:
        board.put(b"import time\ntime.sleep(12)\n", "/boot.py")  # mpremote waits ten seconds
        board.soft_reset()
        assert board.exec("print(1)") == "1\n"


def test_a_thread_that_prints_is_ended() -> None:
    program = (
        "import _thread, time\ndef work():\n    while True: print('noise'); time.sleep(0.001)\n"
        "_thread.start_new_thread(work, ())"
    )
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        with transport.connect(emulated.port) as board, suppress(GalagoError):
            board.exec(program)
        with transport.connect(emulated.port) as board:
            assert board.exec("print(1)") == "1\n"


# Slow boards, stopped hosts, lost answers


def test_a_board_that_answers_late_gets_its_time(
    emulated: EmulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_board, "_ATTEMPT", 0.1)
    monkeypatch.setattr(transport_board, "_ATTEMPTS", (1, 1, 1000))
    with (
        EmulatedBoard(boards.load("RPI_PICO")) as own,
        slow_line(own.port, 0.25) as port,
        transport.connect(port) as board,
    ):
        assert board.exec("print(1)", timeout=0.1) == "1\n", "limits follow the measured round trip"


def test_time_in_which_the_host_was_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    with serial.Serial(os.ttyname(slave)) as port:
        timed = TimedPort(port, "port")
        hours = iter(range(0, 1_000_000, 3600))
        monkeypatch.setattr(timed_port.time, "monotonic", lambda: float(next(hours)))
        with timed.deadline(10):
            os.write(master, b"late")
            assert timed.read(4) == b"late"
            assert code_of(lambda: timed.read(1)) == "port.timeout", "a board that is silent still is"
    os.close(master)
    os.close(slave)


def test_a_mounted_folder_waits_for_a_host_that_was_stopped(
    board: transport.Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(DATA)
    read = ServedFolder.cmd_table[READ]
    answered: list[PyboardCommand] = []

    def late(command: PyboardCommand) -> None:
        if not answered:
            time.sleep(1.5)  # longer than mpremote has the board wait
        answered.append(command)
        read(command)

    monkeypatch.setitem(ServedFolder.cmd_table, READ, late)
    with board.mount(tmp_path):
        assert board.exec("print(len(open('/remote/x', 'rb').read()))", timeout=20) == f"{len(DATA)}\n"
    assert answered


def test_a_board_that_waits_for_a_mounted_folder_is_usable_when_the_host_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(DATA)

    def give_up(command: PyboardCommand) -> None:
        command.rd_s8()
        command.rd_s32()
        command.wr_s32(4096)  # so many bytes come next
        raise KeyboardInterrupt

    monkeypatch.setitem(ServedFolder.cmd_table, READ, give_up)
    with EmulatedBoard(boards.load("RPI_PICO")) as own, transport.connect(own.port) as board:
        with pytest.raises(KeyboardInterrupt), board.mount(tmp_path):
            board.exec("open('/remote/x', 'rb').read(4096)")
        assert board.exec("print(1)") == "1\n"


class KilledError(BaseException):
    """What ends a host at once."""


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0"], ids=["nothing", "a byte", "three bytes"])
def test_a_board_whose_host_was_killed_in_an_answer_answers_the_next_host(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(DATA)

    def killed(command: Any) -> None:
        command.rd_s8()
        command.rd_s32()
        command.fout.write(sent)  # of the four bytes that say how many come next
        raise KilledError

    monkeypatch.setitem(ServedFolder.cmd_table, READ, killed)
    program = """
block = bytearray(64)
for _ in range(10_000):
    try:
        open('/remote/x', 'rb').readinto(block)
    except OSError:
        pass
"""
    with EmulatedBoard(boards.load("RPI_PICO")) as own:
        board = transport.connect(own.port)
        board._repl.mount_local(str(tmp_path))
        with pytest.raises(KilledError):
            board.exec(program)
        board._repl.close()
        with transport.connect(own.port) as board:
            assert board.exec("print(1)") == "1\n"


def test_an_answer_that_is_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as own, transport.connect(own.port) as board:
        board.put(DATA, "/x")
        answers = LostAnswers(own, monkeypatch)
        for query, answer in (
            (lambda: board.sha256("/x"), hashlib.sha256(DATA).hexdigest()),
            (lambda: board.get("/x"), DATA),
            (lambda: [entry.name for entry in board.listdir("/")], ["x"]),
            (lambda: board.exec("print(1)", repeatable=True), "1\n"),
        ):
            answers.lose(1)
            assert query() == answer
            assert answers.asked_again
        answers.lose(1)
        assert code_of(lambda: board.exec("print(1)")) == "port.timeout", "it might change something"


# What fails


def test_a_silent_program_is_a_timeout_and_the_board_is_usable_again(emulated: EmulatedBoard) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as own:
        with transport.connect(own.port) as board:
            assert code_of(lambda: board.exec("while True: pass", timeout=0.2)) == "port.timeout"
            board.interrupt()
            assert board.exec("print(1)") == "1\n"
            assert code_of(lambda: board.exec("while True: pass", timeout=0.2)) == "port.timeout"
        with transport.connect(own.port) as board:
            assert board.exec("print(2)") == "2\n"


def test_an_exception_of_the_callback_ends_the_program(emulated: EmulatedBoard) -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as own:
        with pytest.raises(KeyboardInterrupt), transport.connect(own.port) as board:
            board.stream("while True: print('x')", lambda line: signal.raise_signal(signal.SIGINT))
        with transport.connect(own.port) as board:
            assert board.exec("print(2)") == "2\n"


@pytest.mark.parametrize("mounted", [False, True], ids=["plain", "mounted"])
def test_unplugging_at_any_moment_is_port_lost(mounted: bool, tmp_path: Path) -> None:
    def unplug(_: object) -> None:
        emulated.unplug()

    def use(board: transport.Board) -> None:
        if mounted:
            with board.mount(tmp_path):
                board.stream("while True: print('x')", unplug)
        else:
            board.stream("while True: print('x')", unplug)

    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, transport.connect(emulated.port) as board:
        assert code_of(lambda: use(board)) == "port.lost"
        assert code_of(lambda: board.exec("1")) == "port.lost"
        assert code_of(lambda: board.put(DATA, "/x")) == "port.lost"
        assert code_of(board.soft_reset) == "port.lost"
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, transport.connect(emulated.port) as board:
        assert code_of(lambda: board.put(DATA, "/x", unplug)) == "port.lost"


def test_a_mounted_board_that_falls_silent_is_a_timeout(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    program = (
        "import sys, micropython\nmicropython.kbd_intr(-1)\n"
        "sys.stdout.buffer.write(b'\\x18\\x04')\nwhile True: pass"
    )
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, transport.connect(emulated.port) as board:

        def use() -> None:
            with board.mount(tmp_path):
                board.exec(program, timeout=0.3)  # starts to open a file, and never says which

        board._repl.port._silence = 0.3
        assert code_of(use) == "port.timeout"


def test_missing_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.list_ports, "comports", list)
    for port in ("/dev/no-such-port", "port:/dev/no-such-port", "a91", "u92", "auto", "id:none"):
        assert code_of(lambda port=port: transport.connect(port)) == "port.missing", port
    for port in ("socket://127.0.0.1:1", "rfc2217://127.0.0.1:1", "nonsense://x", ""):
        assert code_of(lambda port=port: transport.connect(port)) == "port.missing", port


def test_a_path_that_is_not_a_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a port")
    assert code_of(lambda: transport.connect(str(tmp_path / "file"))) == "port.missing"
    assert code_of(lambda: transport.connect(str(tmp_path))) == "port.missing"
    assert code_of(lambda: transport.connect("/dev/null")) == "port.missing"


def test_a_busy_port_names_who_has_it() -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated, transport.connect(emulated.port):
        with pytest.raises(GalagoError, match=f"process {os.getpid()}") as caught:
            transport.connect(emulated.port)
        assert caught.value.code == "port.busy"


def test_a_closed_port_is_free_even_while_a_child_has_its_descriptor() -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        first = transport.connect(emulated.port)
        links = {
            int(link.name): os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()
        }
        forked = os.dup(next(number for number, target in links.items() if target == emulated.port))
        first.close()
        try:
            transport.connect(emulated.port).close()
        finally:
            os.close(forked)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every port")
def test_a_forbidden_port() -> None:
    with EmulatedBoard(boards.load("RPI_PICO")) as emulated:
        os.chmod(emulated.port, 0)
        assert code_of(lambda: transport.connect(emulated.port)) == "port.denied"


@pytest.mark.parametrize(
    "answer",
    [
        lambda heard: b"",
        lambda heard: heard,
        lambda heard: b"\xff\x00garbage" * 50,
        lambda heard: b"raw REPL; CTRL-B to exit\r\n>" if heard else b"",
        lambda heard: b"login: ",
    ],
    ids=["silent", "echo", "flood", "half", "login"],
)
def test_no_micropython_is_reported_soon(
    answer: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(transport_board, "_ATTEMPT", 0.2)
    monkeypatch.setattr(transport_board, "_INTERRUPTS", 3)
    with fake_board(answer) as port:
        assert code_of(lambda: transport.connect(port)) == "board.firmware"
    assert capsys.readouterr().out == "", "mpremote's own prints would spoil --json"


def test_a_board_that_takes_no_input_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    with serial.Serial(os.ttyname(slave)) as port:
        timed = TimedPort(port, "port")
        port.write_timeout = 0.2
        start = time.monotonic()
        assert code_of(lambda: timed.write(bytes(1_000_000))) == "port.timeout"
        assert time.monotonic() - start < 20
    os.close(master)
    os.close(slave)


def test_a_file_that_changes_on_its_way_is_refused(
    board: transport.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.put(b"old", "/x")
    monkeypatch.setattr(upload.binascii, "b2a_base64", lambda data: b"bmV4\n")  # "nex" arrives
    assert code_of(lambda: board.put(b"new", "/x")) == "port.corrupt"
    assert board.get("/x") == b"old"
    assert [entry.name for entry in board.listdir("/")] == ["x"]


def test_names_of_ports() -> None:
    assert ports.device_of("a0") == "/dev/ttyACM0"
    assert ports.device_of("u12") == "/dev/ttyUSB12"
    assert ports.device_of("c3") == "COM3"
    assert ports.device_of("port:/dev/x") == "/dev/x"
    assert code_of(lambda: ports.device_of("ws:192.168.4.1")) == "usage"
    assert ports.device_of("socket://host:1") == "socket://host:1"
    assert sys.platform == "linux"
