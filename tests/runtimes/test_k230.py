# SPDX-License-Identifier: MIT
"""CanMV on a K230: the user's nncase makes the .kmodel. A module that answers in its name shows what it is
asked.

nncase itself wants .NET, and nothing here runs what it makes; the stand-in runtime takes a .tflite in its
place.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from runtime_bench import Bench

from galago import boards, models, runtimes
from galago.errors import GalagoError
from galago.runtimes import canmv_k230

NNCASE = """
import json, os, sys
class Options:
    pass
CompileOptions = ImportOptions = Options
class PTQTensorOptions(Options):
    def set_tensor_data(self, data):
        self.data = data
class Compiler:
    def __init__(self, options):
        if os.environ.get("NNCASE_FAILS"):
            raise RuntimeError(os.environ["NNCASE_FAILS"])
        self.said = dict(vars(options))
    def import_tflite(self, content, options):
        self.said["model"] = content.decode()
    def use_ptq(self, options):
        (samples,) = options.data
        self.said["count"] = options.samples_count
        self.said["samples"] = [[sample.dtype.name, list(sample.shape), int(sample.max())] for sample in
        samples]
    def compile(self):
        self.said["compiled"] = True
    def gencode_tobytes(self):
        return json.dumps(self.said).encode()
"""


@pytest.fixture
def directory(model: models.ModelDirectory, tmp_path: Path) -> models.ModelDirectory:
    """The shipped model with what nncase needs, and something that takes nncase's name."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.json", "model.tflite"):
        (folder / name).write_bytes((model.path / name).read_bytes())
    (folder / "float.tflite").write_text("float model")
    pixels = np.zeros((3, 96, 96, 3), np.uint8)
    pixels[1] = 255
    np.save(folder / "calibration.npy", pixels)
    return models.ModelDirectory.open(folder)


@pytest.fixture
def nncase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nncase.py").write_text(NNCASE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_nncase_gets_the_float_model_pixels_and_calibration(directory, nncase) -> None:
    prepared = runtimes.prepare(directory, boards.load("K230_CANMV"))
    name, content = prepared.files["kmodel"]
    said = json.loads(content)
    assert name == "model.kmodel"
    assert (said["target"], said["preprocess"], said["input_type"]) == ("k230", True, "uint8")
    assert (said["input_shape"], said["input_layout"]) == ([1, 96, 96, 3], "NHWC")
    # (pixel - 128) / 128, as the model was trained.
    assert (said["mean"], said["std"], said["input_range"]) == ([128] * 3, [128] * 3, [0, 255])
    assert said["model"] == "float model"
    assert said["count"] == 3
    assert said["samples"] == [["uint8", [1, 96, 96, 3], largest] for largest in (0, 255, 0)]


@pytest.mark.parametrize("name", ["float.tflite", "calibration.npy"])
def test_what_is_missing_is_named(directory: models.ModelDirectory, nncase, name: str) -> None:
    (directory.path / name).unlink()
    with pytest.raises(GalagoError, match=f"has no {name}.*galago quantize --float"):
        canmv_k230.files(directory, boards.load("K230_CANMV"))


def test_without_nncase_its_installation_is_told(directory: models.ModelDirectory) -> None:
    with pytest.raises(GalagoError, match=r"pip install nncase nncase-kpu, and \.NET 7") as caught:
        canmv_k230.files(directory, boards.load("K230_CANMV"))
    assert caught.value.code == "backend.refused"


@pytest.mark.parametrize(
    ("says", "hint"),
    [("cannot find hostfxr: dotnet is missing", "install .NET 7"), ("no such op", "such")],
)
def test_what_nncase_says_is_passed_on(directory, nncase, monkeypatch, says: str, hint: str) -> None:
    monkeypatch.setenv("NNCASE_FAILS", says)
    with pytest.raises(GalagoError, match=hint) as caught:
        canmv_k230.files(directory, boards.load("K230_CANMV"))
    assert "\n" not in caught.value.message


def test_the_backend_feeds_pixels_and_reads_scores(new_bench, model: models.ModelDirectory) -> None:
    """A .tflite takes the .kmodel's place."""
    content = model.tflite.read_bytes()
    entry = {"name": "model.kmodel", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    contract = json.loads((model.path / "model.json").read_text())
    contract["files"]["kmodel"] = entry
    with new_bench("canmv_k230") as bench:
        assert isinstance(bench, Bench)
        bench.board.put(content, f"{bench.path}/model.kmodel")
        bench.board.put(json.dumps(contract).encode(), f"{bench.path}/model.json")
        script = """
from mobilenet import Classifier
from mobilenet.backends.golden import fill
net = Classifier(PATH, ("canmv_k230",))
backend = net._backend
for pattern in range(6):
    fill(pattern, backend.input)
    print(json.dumps([backend.confidence(score) for score in backend.invoke()]))
net.close()
"""
        answers = bench.run(script)
    expected = [((scores.astype(int) + 128) / 256).tolist() for _, scores in model.golden()]
    assert answers == expected
