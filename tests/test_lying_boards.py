# SPDX-License-Identifier: MIT
"""A board may answer anything: the host ends in time, with one error, and believes nothing."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from galago import boards, flash, transport
from galago.bench import bench
from galago.classify import classify
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.evaluate import on_board
from galago.models import ModelDirectory
from galago.transport import mpremote_adapter
from support.liar import Lie, liar
from support.lies import LINE, NONSENSE, QUESTIONS, US
from support.tiny_model import make_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with EmulatedBoard(boards.load("RPI_PICO")) as running:
        yield running.port


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory.mktemp("models"), "tiny", seed=1)


@pytest.fixture(scope="module")
def installed(port: str, model: ModelDirectory) -> str:
    """The port of a board that has the model."""
    with transport.connect(port) as board:
        flash.boot_plan(board, model, {}, None).run()
    return port


def refused(port: str, lies: dict[str, Lie], ask: Callable[[transport.Board], object]) -> str:
    """The code of the error with which a conversation with the lying board ends."""
    with liar(port, lies) as false, pytest.raises(GalagoError) as caught, transport.connect(false) as board:
        ask(board)
    assert caught.value.message.isprintable()
    return caught.value.code


def test_identification(port: str) -> None:
    lines = b"micropython\r\n%s\r\n2310\r\nPico\r\nrp2\r\n\r\n\r\nFalse\r\n"
    for answer in NONSENSE:
        assert refused(port, {"_identity()": answer}, str) == "port.corrupt"
        assert refused(port, {"_identity()": lines % answer}, str) == "port.corrupt"
        if answer:
            assert refused(port, {"_root()": answer}, str) == "port.corrupt"


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions(installed: str, question: str) -> None:
    lies: dict[str, Lie] = {}
    with liar(installed, lies) as false, transport.connect(false) as board:
        for answer in NONSENSE:
            lies[question] = answer
            code = code_of(lambda: QUESTIONS[question](board))
            if code is None:  # it may be an answer: a number of blocks, no file, an empty folder
                assert answer in (b"", b"5", b"9" * 5_000, b"b'x'"), answer
            else:
                assert code in ("port.corrupt", "board.file", "board.full", "board.filesystem"), answer
            board.interrupt()


def code_of(ask: Callable[[], object]) -> str | None:
    """The code of the error that a question ends with; None if the answer was taken for one."""
    try:
        ask()
    except GalagoError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "line",
    [
        *(LINE, LINE | {"us": 5}, LINE | {"us": US | {"read": -1}}, LINE | {"us": US, "seq": True}),
        *(LINE | {"us": US, "top": []}, LINE | {"us": US, "top": {}}, LINE | {"us": US, "image": None}),
        *({"seq": 0}, {"seq": 0, "image": "a", "error": 5}, {"seq": 0, "image": "a", "error": {"code": 1}}),
        *(
            LINE | {"us": US, "top": [{"label": "cat", "index": 0, "confidence": value}]}
            for value in (1e8, -1, float("nan"), float("inf"), "0.5", None, True)
        ),
    ],
    ids=str,
)
def test_lines_that_are_not_about_a_picture(
    installed: str, model: ModelDirectory, tmp_path: Path, line: dict
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def ask(board: transport.Board) -> None:
        list(classify(board, model, [tmp_path / "a.png"], on_log=log.append))

    log: list[str] = []
    lies: dict[str, Lie] = {"net.classify(": json.dumps(line).encode() + b"\r\n"}
    assert refused(installed, lies, ask) == "board.answer"


def test_measurements(installed: str, model: ModelDirectory) -> None:
    picture = next(model.golden())[0]
    lies: dict[str, Lie] = {}
    with liar(installed, lies) as false, transport.connect(false) as board:
        for answer in NONSENSE:
            lies |= {"def bench(": answer, "checksums(": answer}
            assert code_of(lambda: bench(board, model)) == "port.corrupt", answer
            assert code_of(lambda: on_board.first_difference(board, model, picture)) == "port.corrupt", answer


def test_endless_output(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def talk() -> Iterator[bytes]:
        return itertools.repeat(b"the same line again and again\r\n" * 30)

    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.2)
            yield b"."

    monkeypatch.setattr(mpremote_adapter, "_LARGEST_OUTPUT", 50_000)
    assert refused(port, {"question": talk}, lambda board: board.exec("question")) == "port.corrupt"
    assert (
        refused(port, {"question": talk}, lambda board: board.stream("question", lambda line: None))
        == "port.corrupt"
    )
    with monkeypatch.context() as patch:
        patch.setattr(mpremote_adapter, "_OVERTIME", 0.1)
        assert refused(port, {"question": drip}, lambda board: board.exec("question")) == "port.timeout"
    assert refused(port, {"_receive()": talk}, lambda board: board.put(b"x", "/x")) == "port.corrupt"
    assert refused(port, {"_identity()": talk}, str) == "port.corrupt"


@pytest.mark.parametrize(
    "request_", [b"\xee", b"\x07\x05", b"\x05\xff\xff\xff\x7f", b"\x05\xff\xff\xff\xff", b"\x08\x00\x00"]
)
def test_requests_for_files_that_make_no_sense(port: str, tmp_path: Path, request_: bytes) -> None:
    def ask(board: transport.Board) -> None:
        board.soft_reset()  # what is mounted stays mounted where an earlier question ended badly
        with board.mount(tmp_path):
            board.exec("question")

    assert refused(port, {"question": b"\x18" + request_ + bytes(40)}, ask) == "port.corrupt"
