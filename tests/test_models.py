# SPDX-License-Identifier: MIT
"""The model directory: written and read back, and each kind of broken directory refused with its code."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago import models
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.models.golden import pattern

SHAPE = (8, 8, 3)


def contract() -> dict[str, Any]:
    golden = [
        {
            "pattern": n,
            "input_sha256": hashlib.sha256(pattern(n, SHAPE).tobytes()).hexdigest(),
            "output_int8": [-128, 127],
        }
        for n in (0, 3)
    ]
    return {
        "name": "two",
        "architecture": "mobilenet_v1",
        "alpha": 0.25,
        "input": {
            "height": 8,
            "width": 8,
            "channels": 3,
            "color": "rgb",
            "resize": "crop",
            "scale": 1 / 128,
            "zero_point": 0,
        },
        "output": {"scale": 1 / 256, "zero_point": -128, "activation": "softmax"},
        "labels": ["cat", "dog"],
        "unknown_below": 0.4,
        "macs": 1000,
        "arena_bytes": 2000,
        "golden": golden,
    }


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return models.write(tmp_path / "two", b"any bytes", contract()).path


def rewrite(path: Path, key: str, value: Any) -> None:
    complete = json.loads((path / "model.json").read_text())
    table = complete
    *outer, last = key.split(".")
    for part in outer:
        table = table[int(part)] if isinstance(table, list) else table[part]
    if value is ...:
        del table[last]
    else:
        table[last] = value
    (path / "model.json").write_text(json.dumps(complete))


def refused(path: Path) -> GalagoError:
    with pytest.raises(GalagoError) as caught:
        ModelDirectory.open(path)
    message = caught.value.message
    assert "\n" not in message
    assert str(path) in message
    assert ":" in message.replace(str(path), ""), "no next step"
    return caught.value


def test_what_is_written_is_read_back(good: Path) -> None:
    model = models.find(good)
    assert model.tflite.read_bytes() == b"any bytes"
    assert model.labels == ["cat", "dog"]
    assert model.input_shape == SHAPE
    assert {k: v for k, v in model.contract.items() if k not in ("galago", "files")} == contract()
    picture, expected = next(model.golden())
    assert (picture == -128).all()
    assert expected.tolist() == [-128, 127]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("galago", ...),
        ("galago", 2),
        ("galago", True),
        ("name", "../up"),
        ("name", 5),
        ("files", []),
        ("files.tflite", ...),
        ("files.tflite.name", "/etc/passwd"),
        ("files.tflite.bytes", -1),
        ("files.tflite.sha256", "abc"),
        ("input", None),
        ("input.height", 0),
        ("input.width", 96.5),
        ("input.channels", 4),
        ("input.channels", True),
        ("input.channels", 3.0),
        ("galago", 1.0),
        ("labels", [f"class {number}" for number in range(60_000)]),
        ("labels", ["class"] * 60_000),
        ("input.resize", "cover"),
        ("input.scale", "1/128"),
        ("input.zero_point", 200),
        ("output.scale", 0),
        ("output.activation", "relu"),
        ("labels", []),
        ("labels", "cat"),
        ("unknown_below", 1.5),
        ("unknown_below", float("nan")),
        ("macs", 0),
        ("arena_bytes", ...),
        ("golden", []),
        ("golden.0.input_sha256", "zz"),
        ("golden.0.output_int8", [-128, 128]),
        ("golden.0.output_int8", [-128, 1.5]),
        ("golden.1.pattern", -1),
    ],
)
def test_a_contract_out_of_range_is_refused(good: Path, key: str, value: Any) -> None:
    rewrite(good, key, value)
    assert refused(good).code == "model.contract"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"galago": 1' + b"0" * 5000 + b"}"]
)
def test_a_contract_that_is_no_json_object_is_refused(good: Path, text: bytes) -> None:
    (good / "model.json").write_bytes(text)
    assert refused(good).code == "model.contract"


@pytest.mark.parametrize(
    "labels", [["cat"], ["cat", "dog", "cow"], ["cat", "cat"], ["cat", ""], ["cat", 3], ["cat", "a\nb"]]
)
def test_labels_that_do_not_match_the_outputs_are_refused(good: Path, labels: list) -> None:
    rewrite(good, "labels", labels)
    assert refused(good).code == "model.labels"


@pytest.mark.parametrize("damage", [b"any byte", b"any bytes and more", b"any bytez"])
def test_a_damaged_model_file_is_refused(good: Path, damage: bytes) -> None:
    (good / "model.tflite").write_bytes(damage)
    assert refused(good).code == "model.hash"


def test_missing_parts_are_named(good: Path, tmp_path: Path) -> None:
    (good / "model.tflite").unlink()
    assert refused(good).code == "model.missing"
    (good / "model.json").unlink()
    assert refused(good).code == "model.missing"
    assert refused(tmp_path / "nothing").code == "model.missing"


def test_golden_inputs_that_changed_are_noticed(good: Path) -> None:
    rewrite(good, "golden.1.pattern", 4)
    with pytest.raises(GalagoError) as caught:
        list(ModelDirectory.open(good).golden())
    assert caught.value.code == "model.hash"


def test_a_wrong_contract_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(GalagoError):
        models.write(tmp_path / "two", b"x", {**contract(), "labels": ["cat"]})
    assert not (tmp_path / "two").exists()


def test_a_shipped_model_is_found_by_name(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shutil.copytree(good, shipped / "two")
    monkeypatch.setattr(models.resources, "models_dir", lambda: shipped)
    monkeypatch.chdir(tmp_path / "shipped")
    assert models.find("two").name == "two"
    with pytest.raises(GalagoError, match="did you mean two") as caught:
        models.find("tow")
    assert caught.value.code == "model.missing"


def test_patterns_are_the_documented_formula() -> None:
    assert pattern(0, (2, 2, 1)).tolist() == [[[-128], [-128]], [[-128], [-128]]]
    assert pattern(1, (3,)).tolist() == [127] * 3
    assert pattern(2, (300,)).tolist() == [(i & 255) - 128 for i in range(300)]
    # By hand: 3 * 1664525 + 1013904223 = 1018897798 = 0x3CBB1586; its top byte is 60.
    assert pattern(3, (1,)).tolist() == [60 - 128]
    noise = pattern(3, (96 * 96 * 3,)).astype(int)
    assert np.abs(np.bincount(noise + 128, minlength=256) - 108).max() < 50
