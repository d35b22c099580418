# SPDX-License-Identifier: MIT
"""Pictures in, serial lines out, on any board that answers mpremote.

    for line in classify(board, model, ["cat.jpg", "cup.png"], top=3):
        ...                                            # {"seq": 0, "image": "cat.jpg", "top": [...], ...}

Pictures are not stored on the board: their folder is mounted over the serial port and read from there.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from galago import flash, pictures
from galago.classify.record import Record, image_name
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.transport import Board
from galago.transport.answers import picture_line, reported_error

__all__ = ("Record", "classify")

# Seconds to wait for output of a board that is computing: V1 1.0@224 on a slow core takes minutes.
_TIMEOUT = 600.0
# What a board without room for the decoder of JPEG answers, in files or in the heap: the host decodes then.
_NO_ROOM = ("image.unsupported", "memory.heap")

_PICTURE = "/galago.bmp"  # where a board that cannot mount a folder keeps the picture to classify


def classify(
    board: Board,
    model: ModelDirectory,
    paths: Iterable[Path],
    top: int = 1,
    on_log: Callable[[str], None] = lambda text: None,
    order: Sequence[str] | None = None,
    first: int = 0,
) -> Iterator[dict]:
    """Yields the serial line of each picture, in order, as a dict; `seq` counts from `first`.

    A picture that cannot be used yields a line with an `error`. `on_log` gets every other line that the board
    prints, such as "runs on openmv". `order` names the runtimes to try, by default all that the firmware has.
    Raises GalagoError where the model does not load (model.*, memory.*) or the board is lost (port.*).
    """
    # A heap in use is fragmented, and a model needs its memory in large pieces.
    flash.clear_memory(board)
    if board.has_flat_filesystem:
        yield from _classify_by_upload(board, model, enumerate(paths, first), top, on_log, order)
        return
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        folder = Path(name)
        with board.mount(folder):
            _open(board, model, on_log, order)
            for seq, path in enumerate(paths, first):
                yield _classify_one(board, model, folder, seq, path, top, on_log)


def _classify_by_upload(
    board: Board,
    model: ModelDirectory,
    paths: Iterable[tuple[int, Path]],
    top: int,
    on_log: Callable[[str], None],
    order: Sequence[str] | None,
) -> Iterator[dict]:
    """For a firmware that cannot mount a folder of the host: each picture is resized here and uploaded."""
    _open(board, model, on_log, order)
    remote = board.root + _PICTURE
    try:
        for seq, path in paths:
            try:
                height, width, _ = model.input_shape
                how = model.contract["input"]["resize"]
                board.put(pictures.resized_bmp(path, height, width, how), remote)
            except GalagoError as error:
                if not error.code.startswith("image."):
                    raise
                yield _failed(seq, path, error)
                continue
            yield _ask(board, seq, path, remote, top, on_log) | {"image": image_name(path)}
    finally:
        with suppress(GalagoError):
            board.remove(remote)


def _open(
    board: Board, model: ModelDirectory, on_log: Callable[[str], None], order: Sequence[str] | None
) -> None:
    reply = board.exec(
        "from mobilenet import Classifier, GalagoError, report\n"
        "try:\n"
        f"    net = Classifier({board.root + flash.remote_path(model)!r}, {list(order or ())!r} or None)\n"
        "    if net.backend != 'builtin':\n"
        "        print('runs on', net.backend)\n"
        "    for _, error in net.skipped:\n"
        "        print(error.message)\n"
        "except GalagoError as error:\n"
        "    print(report.failure(error))\n",
        timeout=_TIMEOUT,
    )
    for text in reply.splitlines():
        if error := reported_error(text):
            raise error
        on_log(text)


def _classify_one(
    board: Board,
    model: ModelDirectory,
    folder: Path,
    seq: int,
    path: Path,
    top: int,
    on_log: Callable[[str], None],
) -> dict:
    inside = folder / str(seq)
    inside.mkdir()
    try:
        height, width, _ = model.input_shape
        sent = pictures.prepare_upload(path, inside, height, width, model.contract["input"]["resize"])
        sent = sent.rename(inside / image_name(sent))
        answer = _ask(board, seq, path, f"/remote/{seq}/{sent.name}", top, on_log)
        if answer.get("error", {}).get("code") in (
            "image.unsupported",
            "memory.heap",
        ):  # no room to decode it
            pictures.write_as_board(path, sent, *model.input_shape, model.contract["input"]["resize"])
            answer = _ask(board, seq, path, f"/remote/{seq}/{sent.name}", top, on_log)
    except GalagoError as error:
        if not error.code.startswith("image."):
            raise
        return _failed(seq, path, error)
    else:
        return answer
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def _failed(seq: int, path: Path, error: GalagoError) -> dict:
    failure = {"code": error.code, "message": error.message}
    return {"seq": seq, "image": image_name(path), "error": failure}


def _ask(board: Board, seq: int, path: Path, remote: str, top: int, on_log: Callable[[str], None]) -> dict:
    """The board's serial line for a picture that it can read at `remote`."""
    answers: list[dict] = []

    def on_line(text: str) -> None:
        line = _picture_line(text)
        if line and line["seq"] == seq:
            answers.append(line)
        else:
            on_log(text)

    code = f"for result in net.classify({remote!r}, top={top}):\n    print(report.line({seq}, result))\n"
    board.stream(code, on_line, timeout=_TIMEOUT)
    if len(answers) != 1:
        raise GalagoError(
            "board.answer", f"{path.name}: expected one line from the board, got {len(answers)}: run it again"
        )
    return answers[0]


def _picture_line(text: str) -> dict | None:
    """A picture's serial line as a dict; None for log text."""
    try:
        return picture_line(json.loads(text))
    except (ValueError, RecursionError):
        return None
