# SPDX-License-Identifier: MIT
"""`galago classify --resume`: a run that was cut off continues; no picture is lost, doubled or confused."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from galago import boards
from galago.classify import Record
from galago.cli import app
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.models import ModelDirectory
from support.tiny_model import make_model, picture

CODE = {"code": "image.empty", "message": "a.ppm: has 0 bytes: copy it again"}
US = {"read": 1, "resize": 1, "invoke": 1}
NAMES = [Path("x/a.ppm"), Path("y/a.ppm"), Path("no utf-8 \udcff.ppm"), Path("b.ppm")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return make_model(tmp_path_factory.mktemp("models"), "tiny", seed=1)


def lines(count: int) -> list[dict]:
    """The lines of the first pictures of NAMES."""
    top = [{"label": "tiny one", "index": 1, "confidence": 0.75}]
    good = [{"seq": seq, "image": name, "top": top, "us": US} for seq, name in enumerate(["a.ppm"] * 2)]
    bad = {"seq": 2, "image": "no utf-8 ?.ppm", "error": CODE}
    return [*good, bad, {"seq": 3, "image": "b.ppm", "top": top, "us": US}][:count]


def text(of: list[dict]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in of)


def earlier(path: Path, model: ModelDirectory, top: int = 1) -> tuple[list[dict], list[Path]]:
    """What a record yields, and the pictures that are left."""
    pictures = iter(NAMES)
    with Record.open(path, model, top) as record:
        return list(record.earlier(pictures)), list(pictures)


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("torn", [b"", b"{", b'{"seq": 4, "ima', b'{"seq": 4, "image": "b.ppm", "top": [{"l'])
def test_complete_lines_stay_and_a_torn_one_is_dropped(
    model: ModelDirectory, tmp_path: Path, count: int, torn: bytes
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(text(lines(count)) + torn)
    assert earlier(path, model) == (lines(count), NAMES[count:])
    assert path.read_bytes() == text(lines(count))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text(lines(4)) + text(lines(1)), "line 5 is about a.ppm, but only 4 pictures"),
        (text(lines(4)[1:]), "line 1 is number 1"),
        (text([lines(1)[0] | {"image": "c.ppm"}]), r"c.ppm: expected number 0, a.ppm"),
        (text([lines(1)[0] | {"top": lines(1)[0]["top"] * 2}]), "--top"),
        (text([lines(1)[0] | {"top": [{"label": "cat", "index": 1, "confidence": 0.5}]}]), "another model"),
        (text(lines(1)) + b"\x00" * 50 + b"\n" + text(lines(2)[1:]), "line 2 is not the line of a picture"),
        (b"\xff\xd8\xff\xe0JFIF", "line 1 is not the line"),
        (b"\xff\xd8\n\xff\xe0JFIF", "line 1 is not the line"),
        (b"[" * 200_000 + b"\n", "line 1 is not the line"),
        (b'{"seq": 0, "image": "' + b"x" * 3_000_000, "line 1 is not the line"),
    ],
)
def test_other_files_are_refused_and_left_alone(
    model: ModelDirectory, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    with pytest.raises(GalagoError, match=reason) as caught:
        earlier(path, model)
    assert caught.value.code == "usage"
    assert len(caught.value.message) < 400
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(model: ModelDirectory, tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(GalagoError) as caught:
            Record.open(path, model, 1)
        assert caught.value.code == "usage"


@pytest.mark.slow
def test_a_host_that_is_killed_continues_where_it_was(model: ModelDirectory, tmp_path: Path) -> None:
    pictures = [tmp_path / str(number % 7) / f"{number % 50}.ppm" for number in range(80)]
    for path in pictures:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"" if path.name == "13.ppm" else picture())
    record = tmp_path / "lines.jsonl"
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        options = ["--port", emulated.port, "--model", str(model.path), "--resume", str(record)]
        command = ["classify", *options, *map(str, pictures)]
        with subprocess.Popen(
            [sys.executable, "-m", "galago", *command, "--json"], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout
            shown = [child.stdout.readline() for _ in range(40)]
            child.send_signal(signal.SIGKILL)
        with record.open("ab") as file:
            file.write(b'{"seq": 70, "image": "')
        done = CliRunner().invoke(app, command)
        again = CliRunner().invoke(app, command)
    assert done.exit_code == again.exit_code == 1, "13.ppm failed"
    assert "80 pictures, 78 classified, 2 with errors" in done.output
    assert again.output.startswith("\n80 pictures, 78 classified, 2 with errors"), "nothing was left to do"
    written = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["seq"] for line in written] == list(range(80))
    assert [line["image"] for line in written] == [path.name for path in pictures]
    assert all(json.loads(line) in written for line in shown)
