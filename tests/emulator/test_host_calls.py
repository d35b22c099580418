# SPDX-License-Identifier: MIT
"""Calls from stand-in modules to the emulator: large data, errors, and interrupted calls."""

import ast
import threading
from collections.abc import Iterator

import pytest
import serial
from instruments import LONGEST

from galago import boards, transport
from galago.emulator import EmulatedBoard
from galago.emulator.hardware import Hardware, usual
from galago.emulator.host_calls import StandInError
from galago.errors import GalagoError

COMPUTING, MAY_ANSWER = threading.Semaphore(0), threading.Semaphore(0)
"""How many calls of `slow` have begun, and how many may return."""


class EchoHardware(Hardware):
    """Hardware with the services of these tests."""

    def services(self):
        def echo(*arguments: object, data: bytes = b"") -> object:
            return (list(arguments), bytes(reversed(data))) if data else list(arguments)

        def slow(number: int, size: int, data: bytes = b"") -> object:
            COMPUTING.release()
            assert MAY_ANSWER.acquire(timeout=LONGEST)
            return (number, bytes([number]) * size)

        def fail(kind: str, text: str) -> object:
            raise GalagoError("memory.main", text) if kind == "GalagoError" else StandInError(kind, text)

        return {"echo": echo, "slow": slow, "fail": fail}


@pytest.fixture(scope="module")
def board(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[EmulatedBoard]:
    monkeypatch_module.setattr("galago.emulator.board.Hardware", EchoHardware)
    with EmulatedBoard(boards.load("RPI_PICO2"), firmware=("microlite",)) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def run(board: EmulatedBoard, script: str) -> str:
    with transport.connect(board.port) as device:
        return device.exec(f"import _host\n{script}", timeout=LONGEST).strip()


def test_arguments_and_data_of_any_size_come_back(board: EmulatedBoard) -> None:
    script = """
print(_host.call("echo", 1, -2.5, "dög", None, [True]))
for size in (1, 7, 16383, 16384, 16385, 150000):
    data = bytes(i % 251 for i in range(size))
    into = bytearray(size)
    _host.call("echo", data=data, into=into)
    print(size, all(into[i] == data[size - 1 - i] for i in range(size)))
value, data = _host.call("echo", 3, data=b"abc")
print(value, bytes(data))
"""
    lines = run(board, script).splitlines()
    assert ast.literal_eval(lines[0]) == [1, -2.5, "dög", None, [True]]
    assert lines[1:7] == [f"{size} True" for size in (1, 7, 16383, 16384, 16385, 150000)]
    assert lines[7] == "[3] b'cba'"


@pytest.mark.parametrize(
    ("kind", "seen"),
    [("ValueError", "ValueError"), ("RuntimeError", "RuntimeError"), ("GalagoError", "OSError")],
)
def test_errors_are_raised_as_the_exceptions_that_they_name(
    board: EmulatedBoard, kind: str, seen: str
) -> None:
    script = f"""
try:
    _host.call("fail", {kind!r}, "it does not work")
except Exception as error:
    print(type(error).__name__, error)
try:
    _host.call("nonsense")
except OSError as error:
    print(error)
print(_host.call("echo", "on"))
"""
    assert run(board, script).splitlines() == [
        f"{seen} it does not work",
        "this board has no nonsense",
        "['on']",
    ]


def test_an_interrupted_call_leaves_nothing_behind_for_the_next(board: EmulatedBoard) -> None:
    """Its reply comes before or after the next call: none of it must be taken for the next reply."""
    with serial.Serial(board.port, timeout=LONGEST) as port:
        port.write(b"\r\x03\x02")
        port.read_until(b">>> ")
        port.write(b"import _host; into = bytearray(400000)\r")
        port.read_until(b">>> ")
        for before in (True, False, True, False):
            port.write(b"_host.call('slow', 1, 400000, into=into)\r")
            port.read_until(b"into=into)\r\n")
            assert COMPUTING.acquire(timeout=LONGEST)
            port.write(b"\x03")
            assert b"KeyboardInterrupt" in port.read_until(b">>> ")
            if before:
                MAY_ANSWER.release(2)
            port.write(b"print('got', _host.call('slow', 2, 1000))\r")
            port.read_until(b"1000))\r\n")
            if not before:
                MAY_ANSWER.release(2)
            assert port.read_until(b">>> ").startswith(b"got (2, bytearray(b'\\x02\\x02")
            assert COMPUTING.acquire(timeout=LONGEST)


def test_stand_ins_do_not_use_the_board_s_heap() -> None:
    """The firmware's modules and the camera's memory are not in the heap."""
    free = []
    for firmware in ((), ("openmv",), ("esp32", "microlite", "emlearn")):
        with EmulatedBoard(boards.load("RPI_PICO2"), firmware=firmware) as board:
            free.append(int(run_plain(board, "import gc; gc.collect(); print(gc.mem_free())")))
    assert abs(free[1] - free[0]) < 4096
    assert abs(free[2] - free[0]) < 4096


def run_plain(board: EmulatedBoard, script: str) -> str:
    with transport.connect(board.port) as device:
        return device.exec(script, timeout=LONGEST).strip()


def test_a_board_has_the_modules_of_its_usual_firmware() -> None:
    assert usual(boards.load("OPENMV4")) == ("openmv",)
    assert usual(boards.load("RPI_PICO2")) == ()
    # It has a camera, but its stock firmware has no module for it.
    assert usual(boards.load("SEEED_XIAO_ESP32S3")) == ()


def test_an_unknown_firmware_is_refused() -> None:
    with pytest.raises(GalagoError, match=r"no stand-in for nonsense: use one of .*openmv") as caught:
        EmulatedBoard(boards.load("RPI_PICO2"), firmware=("nonsense",))
    assert caught.value.code == "board.emulator"
