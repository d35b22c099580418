# SPDX-License-Identifier: MIT
"""Exports of other programs are recognised; what is broken or hostile is refused and never run."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from galago.errors import GalagoError
from galago.importer import Options, archive, import_model, source
from galago.tflite import schema
from support.builder import Builder


def classifier(channels: int = 3, grid: bool = False) -> bytes:
    """A small int8 classifier of two classes, input scale 1/255 and zero point -128."""
    random = np.random.default_rng(1)
    graph = Builder((1, 8, 8, channels), scale=1 / 255, zero=-128)
    weights = random.integers(-90, 90, (2, 3, 3, channels)).astype(np.int8)
    x = graph.conv(graph.input, weights, None, [0.01, 0.02], stride=(2, 2), out=(0.05, -4))
    return graph.finish(x if grid else graph.softmax(graph.mean(x, out=(0.02, 0))))


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


def c_array(data: bytes) -> bytes:
    numbers = ", ".join(f"0x{byte:02x}" for byte in data)
    return b"#include <x.h>\n// {1, 2}\nconst unsigned char g_model[] __attribute__((aligned(16))) = {\n" + (
        numbers.encode() + b"\n};\nconst unsigned int g_len = 7;\n"
    )


VARIABLES = b'const char* ei_classifier_inferencing_categories_1[] = { "cat", "cup" };\n'
TEACHABLE = "Teachable Machine"
HDF5 = b"\x89HDF\r\n\x1a\n and so on"
EXPORTS: dict[str, tuple[dict[str, bytes], str, str | None]] = {
    "teachable machine": ({"model.tflite": b"", "labels.txt": b"0 cat\n1 cup\n"}, TEACHABLE, "-1..1"),
    "teachable machine, Keras": (
        {"keras_model.h5": b"h", "labels.txt": b"0 cat\n1 cup\n"},
        TEACHABLE,
        "-1..1",
    ),
    "edge impulse": (
        {"trained.tflite": b"", "labels.txt": b"cat\r\ncup", "ei_image_classification.py": b"-"},
        "Edge Impulse",
        None,
    ),
    "arduino library": (
        {
            "lib/src/tflite-model/tflite_learn_3.cpp": b"c",
            "lib/src/model-parameters/model_variables.h": VARIABLES,
        },
        "Edge Impulse library",
        None,
    ),
    "edge tpu beside": (
        {"a/model_edgetpu.tflite": b"TFL", "a/model.tflite": b"", "a/labels.txt": b"cat\ncup\n"},
        TEACHABLE,
        "-1..1",
    ),
}


@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_exports_are_recognised_with_their_labels(kind: str, form: str, tmp_path: Path) -> None:
    files, title, input_range = EXPORTS[kind]
    data = HDF5 if b"h" in files.values() else classifier()
    made = {b"": data, b"h": data, b"c": c_array(data)}
    content = {name: made.get(each, each) for name, each in files.items()}
    path = tmp_path / "my export.zip"
    if form == "zip":
        path.write_bytes(zipped(content))
    else:
        path = tmp_path / "my export"
        for name, each in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(each)
    with source.opened(path) as found:
        assert found.file.read_bytes() == data
        assert found.labels == ["cat", "cup"]
        if form == "zip":
            assert found.kind.startswith(title)
            assert found.input_range == input_range
            assert found.name == "my-export"


def test_a_c_array_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.cc").write_bytes(c_array(classifier()))
    done = import_model(tmp_path / "model.cc", tmp_path / "out", Options(name="mine"))
    assert done.model.tflite.read_bytes() == classifier()
    assert done.model.labels == ["class 0", "class 1"]


def test_what_a_file_shows_counts_more_than_what_exports_usually_have(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(zipped({"model.tflite": classifier(), "labels.txt": b"cat\ncup\n"}))
    done = import_model(tmp_path / "m.zip", tmp_path / "out")
    assert done.facts["range"].startswith("0..1, from scale 0.00392157")


def test_labels_packed_into_the_file_are_used(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(classifier() + zipped({"labels.txt": b"cat\ncup\n"}))
    done = import_model(tmp_path / "m.tflite", tmp_path / "out")
    assert done.model.labels == ["cat", "cup"]
    assert "in the file" in done.facts["labels"]
    assert b"labels.txt" not in done.model.tflite.read_bytes()


def refused(path: Path, out: Path, **options: Any) -> GalagoError:
    with pytest.raises(GalagoError) as caught:
        import_model(path, out, Options(**options))
    assert "\n" not in caught.value.message
    assert not out.exists()
    return caught.value


def bomb() -> bytes:
    return zipped({f"{i}.tflite": bytes(archive.LARGEST // 8) for i in range(9)})


BROKEN = {
    "empty.tflite": (b"", "model.malformed", "neither a .tflite"),
    "text.tflite": (b"<!DOCTYPE html>", "model.malformed", "download or export it again"),
    "cut.zip": (zipped({"model.tflite": b"x" * 999})[:60], "model.malformed", "not a valid zip"),
    "outside.zip": (zipped({"../../evil.tflite": b"x"}), "model.malformed", "points outside"),
    "absolute.zip": (zipped({"/etc/evil.tflite": b"x"}), "model.malformed", "points outside"),
    "windows.zip": (zipped({"C:\\evil.tflite": b"x"}), "model.malformed", "points outside"),
    "nothing.zip": (zipped({"a.txt": b"x"}), "model.missing", "holds no .tflite"),
    "two.zip": (zipped({"a.tflite": b"x", "b.tflite": b"x"}), "model.missing", "pass one of them"),
    "js.zip": (zipped({"model.json": b"{}", "weights.bin": b"x"}), "model.missing", "TensorFlow.js"),
    "model.pt": (b"PK", "model.malformed", "torch.onnx.export"),
    "model.cc": (b"int a[] = {1, 2};", "model.malformed", "no array with a .tflite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_and_hostile_files_are_refused(name: str, tmp_path: Path) -> None:
    content, code, reason = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    error = refused(tmp_path / name, tmp_path / "out")
    assert error.code == code
    assert reason in error.message


def test_zip_bombs_and_huge_files_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    (tmp_path / "bomb.zip").write_bytes(bomb())
    assert "unpack to more than" in refused(tmp_path / "bomb.zip", tmp_path / "out").message
    with (tmp_path / "huge.tflite").open("wb") as file:
        file.truncate(2 << 30)
    assert "2,147,483,648 bytes" in refused(tmp_path / "huge.tflite", tmp_path / "out").message


def test_a_cut_tflite_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    data = classifier()
    for length in range(8, len(data), max(1, len(data) // 40)):
        (tmp_path / "m.tflite").write_bytes(data[:length])
        assert refused(tmp_path / "m.tflite", tmp_path / "out").code.startswith("model.")


def test_operators_without_a_code_or_a_tensor_are_refused(tmp_path: Path) -> None:
    for field, wrong in (("opcodeIndex", 99), ("inputs", [-7]), ("outputs", [-1]), ("outputs", [999])):
        model: Any = schema.parse(classifier())
        setattr(model.subgraphs[0].operators[0], field, wrong)
        (tmp_path / "m.tflite").write_bytes(schema.pack(model))
        assert refused(tmp_path / "m.tflite", tmp_path / "out").code == "model.malformed"


def renamed(custom: str) -> bytes:
    """A classifier whose first operator is a custom one."""
    model: Any = schema.parse(classifier())
    model.operatorCodes[0].builtinCode = schema.constant("BuiltinOperator", "CUSTOM")
    model.operatorCodes[0].deprecatedBuiltinCode = 32
    model.operatorCodes[0].customCode = custom
    return schema.pack(model)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (renamed("edgetpu-custom-op"), "compiled for Coral's Edge TPU"),
        (renamed("ethos-u"), "compiled for Arm's Ethos-U: take the .tflite from before that compiler (Vela)"),
        (renamed("TFLite_Detection_PostProcess"), "object detector (SSD"),
        (renamed("Mine"), "operator Mine is a custom one"),
        (classifier(grid=True), "grid of 4x4 cells with 2 classes"),
        (classifier(channels=5), "no image classifier"),
    ],
)
def test_what_is_no_classifier_is_refused_by_name(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(data)
    error = refused(tmp_path / "m.tflite", tmp_path / "out")
    assert error.code == "model.operator"
    assert reason in error.message


def test_labels_are_checked_before_the_conversion(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(classifier())
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    error = refused(tmp_path / "m.tflite", tmp_path / "out", labels=tmp_path / "names.txt")
    assert error.code == "model.labels"
    assert "expected 2 class names for 2 outputs, got 3" in error.message


@pytest.mark.slow
def test_a_lambda_is_refused_and_not_run(tmp_path: Path) -> None:
    """The file is one of Keras, with a Lambda whose code would leave a mark."""
    layer = {"class_name": "Lambda", "config": {"name": "halve", "function": ["code"]}}
    config = {"class_name": "Sequential", "config": {"layers": [layer]}}
    files = {"config.json": json.dumps(config).encode(), "metadata.json": b'{"keras_version": "3.6.0"}'}
    files["model.weights.h5"] = b""
    (tmp_path / "m.keras").write_bytes(zipped(files))
    pytest.importorskip("tensorflow")
    error = refused(tmp_path / "m.keras", tmp_path / "out")
    assert "layer halve is a Lambda" in error.message
