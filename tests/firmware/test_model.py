# SPDX-License-Identifier: MIT
"""The board's check of a model directory, on the real interpreter."""

import hashlib
import json
import zlib
from pathlib import Path

import pytest

OPEN = """
import json
from mobilenet.model import Model
from mobilenet import GalagoError
try:
    model = Model(argv[0])
    assert model.file("tmdl") is None and model.file("tflite") == model.path + "/model.tflite"
    print(json.dumps([model.name, model.height, model.width, model.channels, model.resize, model.labels]))
except GalagoError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""
CONTENT = bytes(range(256)) * 20


def contract() -> dict:
    return {
        "galago": 1,
        "name": "tiny",
        "files": {
            "tflite": {
                "name": "model.tflite",
                "bytes": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
            }
        },
        "input": {"height": 32, "width": 24, "channels": 3, "color": "rgb", "resize": "crop"},
        "labels": ["cat", "dög"],
        "unknown_below": 0.4,
    }


def write(folder: Path, table: object, content: bytes = CONTENT) -> Path:
    (folder / "model.tflite").write_bytes(content)
    (folder / "model.json").write_text(json.dumps(table))
    return folder


def test_a_complete_directory_opens(micropython, tmp_path):
    reply = json.loads(micropython(OPEN, f"{write(tmp_path, contract())}/"))
    assert reply == ["tiny", 32, 24, 3, "crop", ["cat", "dög"]]


@pytest.mark.parametrize(
    ("content", "code"), [(CONTENT[:-1], "model.hash"), (b"\x01" + CONTENT[1:], "model.hash")]
)
def test_changed_bytes_are_noticed(micropython, tmp_path, content, code):
    reply = json.loads(micropython(OPEN, write(tmp_path, contract(), content)))
    assert reply["code"] == code
    assert "model.tflite" in reply["message"]


def test_a_message_is_one_line_whatever_a_name_holds(micropython, tmp_path):
    table = contract()
    table["files"]["a\r\nb"] = None
    reply = json.loads(micropython(OPEN, write(tmp_path, table)))
    assert reply["code"] == "model.contract"
    assert "a  b" in reply["message"]


@pytest.mark.parametrize("crc", [zlib.crc32(CONTENT), 1])
def test_the_crc_of_a_flashed_model_decides(micropython, tmp_path, crc):
    table = contract()
    table["files"]["tflite"] |= {"sha256": "0" * 64, "crc32": f"{crc:08x}"}
    reply = json.loads(micropython(OPEN, write(tmp_path, table)))
    if crc == 1:
        assert reply["code"] == "model.hash"
        assert "CRC-32" in reply["message"]
    else:
        assert reply[0] == "tiny"


def test_missing_files_are_named(micropython, tmp_path):
    assert json.loads(micropython(OPEN, tmp_path / "absent"))["code"] == "model.missing"
    (write(tmp_path, contract()) / "model.tflite").unlink()
    reply = json.loads(micropython(OPEN, tmp_path))
    assert reply["code"] == "model.missing"
    assert "model.tflite" in reply["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("name", "files", "files.tflite", "files.tflite.sha256"),
        *("input", "input.height", "input.resize", "labels"),
    ],
)
@pytest.mark.parametrize("value", [None, True, 1.5])
def test_a_broken_contract_is_refused(micropython, tmp_path, path, value):
    table = contract()
    *parents, key = path.split(".")
    inner = table
    for parent in parents:
        inner = inner[parent]
    inner[key] = value
    reply = json.loads(micropython(OPEN, write(tmp_path, table)))
    assert reply["code"] == "model.contract"
    assert f"'{key}'" in reply["message"]


@pytest.mark.parametrize(
    "change", [{"galago": 2}, {"input": {"height": 1, "width": 1, "channels": 4, "resize": "crop"}}]
)
def test_other_versions_and_shapes_are_refused(micropython, tmp_path, change):
    reply = json.loads(micropython(OPEN, write(tmp_path, contract() | change)))
    assert reply["code"] == "model.contract"


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["cat", 3]},
        {"labels": []},
        {"unknown_below": "x"},
        {"galago": "1\n"},
        {"input": {"height": 0, "width": 96, "channels": 3, "resize": "crop"}},
        {"input": {"height": 96, "width": 96, "channels": 3, "resize": "\n"}},
    ],
)
def test_values_that_would_fail_later_are_refused_at_once(micropython, tmp_path, change):
    reply = json.loads(micropython(OPEN, write(tmp_path, contract() | change)))
    assert reply["code"] == "model.contract"
    assert "\n" not in reply["message"]


def test_json_beyond_the_heap_is_refused(micropython, tmp_path):
    (write(tmp_path, contract()) / "model.json").write_text("[" * 100_000)
    assert json.loads(micropython(OPEN, tmp_path, heap="256k"))["code"] == "memory.heap"


@pytest.mark.parametrize("table", [[], "text", 3, None])
def test_json_that_is_not_a_contract_is_refused(micropython, tmp_path, table):
    assert json.loads(micropython(OPEN, write(tmp_path, table)))["code"] == "model.contract"


def test_text_that_is_not_json_is_refused(micropython, tmp_path):
    (write(tmp_path, contract()) / "model.json").write_bytes(b'{"galago": 1, \xff')
    assert json.loads(micropython(OPEN, tmp_path))["code"] == "model.contract"
