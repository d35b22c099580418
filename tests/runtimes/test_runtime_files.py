# SPDX-License-Identifier: MIT
"""The files that runtimes need are installed in the model's directory on the board."""

import hashlib
import json
import zlib

import pytest

from galago import boards, models, runtimes
from galago.errors import GalagoError


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
