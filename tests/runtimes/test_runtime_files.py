# SPDX-License-Identifier: MIT
"""The files that runtimes need are installed in the model's directory on the board."""

import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from galago import boards, importer, models, runtimes
from galago.errors import GalagoError
from galago.runtimes import emlearn, k210_kmodel
from support.builder import RELU6, Builder


@pytest.fixture(scope="module")
def model() -> models.ModelDirectory:
    return models.find("everyday-v1-025-96")


def test_an_unknown_board_gets_the_unchanged_model(model: models.ModelDirectory) -> None:
    files = runtimes.board_model(model, None)
    assert list(files) == ["model.tflite", "model.json"]
    assert files["model.tflite"] == model.tflite.read_bytes()
    contract = json.loads(files["model.json"])
    assert contract["files"]["tflite"].pop("crc32") == f"{zlib.crc32(files['model.tflite']):08x}"
    assert contract == model.contract


def test_extra_files_are_named_in_model_json_with_size_and_hash(
    model: models.ModelDirectory, micropython, tmp_path
) -> None:
    prepared = runtimes.Prepared({"tmdl": ("model.tmdl", b"maix")})
    files = runtimes.board_model(model, boards.load("RPI_PICO2"), prepared)
    assert list(files)[-1] == "model.json"
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    entry = json.loads(files["model.json"])["files"]["tmdl"]
    sha256, crc32 = hashlib.sha256(b"maix").hexdigest(), f"{zlib.crc32(b'maix'):08x}"
    assert entry == {"name": "model.tmdl", "bytes": 4, "sha256": sha256, "crc32": crc32}
    models.ModelDirectory.open(tmp_path)
    script = "from mobilenet.model import Model\nprint(open(Model(argv[0]).file('tmdl'), 'rb').read())"
    assert micropython(script, tmp_path).strip() == "b'maix'"
    (tmp_path / "model.tmdl").write_bytes(b"xiam")
    script = (
        "from mobilenet import GalagoError\nfrom mobilenet.model import Model\n"
        "try: Model(argv[0]).file('tmdl')\nexcept GalagoError as error: print(error.code)"
    )
    assert micropython(script, tmp_path).strip() == "model.hash"


def test_if_no_runtime_can_run_the_model_the_reason_is_raised(
    model: models.ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = boards.load("RPI_PICO2")

    class Refuses:
        @staticmethod
        def files(*_: object) -> dict[str, tuple[str, bytes]]:
            raise GalagoError("backend.refused", "it is too large")

    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(runtimes.importlib, "import_module", lambda name: Refuses)
    with pytest.raises(GalagoError, match="too large"):
        runtimes.prepare(model, board)


def test_what_counts_is_pixel_minus_128_not_the_scale(tmp_path: Path) -> None:
    """Edge Impulse's models have a scale of 1/255 and the zero point -128, which is pixel - 128 as well."""
    random = np.random.default_rng(2)
    graph = Builder((1, 16, 16, 3), scale=1 / 255, zero=-128)
    kernel = random.integers(-90, 90, (8, 3, 3, 3)).astype(np.int8)
    x = graph.conv(
        graph.input, kernel, None, [0.01] * 8, stride=(2, 2), activation=RELU6, out=(6 / 255, -128)
    )
    x = graph.mean(x, out=(6 / 255, -128))
    x = graph.dense(x, random.integers(-90, 90, (3, 8)).astype(np.int8), None, [0.02], out=(0.1, 3))
    (tmp_path / "trained.tflite").write_bytes(graph.finish(graph.softmax(x)))
    model = importer.import_model(tmp_path / "trained.tflite", tmp_path / "model").model
    assert model.contract["input"]["zero_point"] == -128
    wanted = (
        (emlearn, boards.load("RPI_PICO2"), "tmdl"),
        (k210_kmodel, boards.load("SIPEED_MAIX_BIT"), "kmodel"),
    )
    other = model.contract | {"input": model.contract["input"] | {"transform": [[65536, 0]] * 3}}
    for runtime, board, kind in wanted:
        assert list(runtime.files(model, board)) == [kind]
        with pytest.raises(GalagoError, match="pixel - 128"):
            runtime.files(replace(model, contract=other), board)
