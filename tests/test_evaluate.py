# SPDX-License-Identifier: MIT
"""Scores equal scikit-learn's; a board equals TensorFlow Lite Micro, and a difference is located."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from galago import boards, evaluate, models, transport
from galago.emulator import EmulatedBoard
from galago.errors import GalagoError
from galago.evaluate import on_board
from galago.evaluate.comparison import Comparison
from galago.flash import UploadPlan, device_package, model_files
from galago.inspect import look_on_board
from galago.web import export
from support.requirements import extra_module, requires

metrics = extra_module("sklearn.metrics", extra="train")
MODEL = "everyday-v1-025-96"


def test_figures_are_scikit_learns() -> None:
    random = np.random.default_rng(3)
    answers = random.dirichlet(np.ones(4), 300)
    labels = random.integers(-1, 4, 300)
    inside = labels >= 0
    scores = evaluate.Scores.of(answers, labels)
    predicted = answers.argmax(axis=1)
    assert scores.accuracy == metrics.accuracy_score(labels[inside], predicted[inside])
    np.testing.assert_array_equal(
        scores.confusion, metrics.confusion_matrix(labels[inside], predicted[inside])
    )
    precision, recall, _, support = metrics.precision_recall_fscore_support(labels[inside], predicted[inside])
    rows = scores.by_class()
    np.testing.assert_allclose([row.precision or 0.0 for row in rows], precision)
    np.testing.assert_allclose([row.recall or 0.0 for row in rows], recall)
    assert [row.photos for row in rows] == support.tolist()  # type: ignore[union-attr]
    assert sum(n for _, _, n in scores.reliability()) == inside.sum()


def test_the_interval_is_wilsons() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    low, high = evaluate.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert evaluate.wilson(0, 0) == (0.0, 1.0)


def test_confidence_of_int8_is_in_256ths() -> None:
    answers = np.array([[-128, 127], [0, -128]], np.int8)
    assert evaluate.Scores.of(answers, np.array([1, 0])).confidence.tolist() == [255 / 256, 0.5]
    assert evaluate.Scores.of(answers, np.array([1, 1])).answered(0.9) == (0.5, 1.0, None)


def test_calibration_error_by_hand() -> None:
    """Two answers of 0.95 are right, two of 0.55 are wrong: (2 · 0.05 + 2 · 0.55) / 4."""
    answers = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.55, 0.45]])
    scores = evaluate.Scores.of(answers, np.array([0, 0, 1, 1]))
    assert abs(scores.calibration_error - 0.3) < 1e-9


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "galago", "evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )


@requires("node", debian="nodejs")
def test_board_and_web_agree_on_every_photo(data: Path) -> None:
    done = run(MODEL, data / "images" / "imagenet_val650", "--on", "int8,board,web", "--limit", 6, "--json")
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    for place in ("board", "web"):
        assert table["photos"] == table[place]["photos"] == 6
        assert table[place]["differ"] == 0
        assert table[place]["first"] is None
    assert list(table["engines"]) == ["int8", "board", "web"]
    assert len({each["right"] for each in table["engines"].values()}) == 1


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> models.ModelDirectory:
    """The model with another bias in its ninth operator."""
    model = models.find(MODEL)
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    data = bytearray(model.tflite.read_bytes())
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)  # type: ignore[union-attr]
    bias = graph.Tensors(graph.Operators(9).Inputs(2))  # type: ignore[union-attr]
    buffer = schema.Model.GetRootAs(data, 0).Buffers(bias.Buffer()).DataAsNumpy()  # type: ignore[union-attr]
    at = bytes(data).index(np.asarray(buffer).tobytes())
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little", signed=True) + 3000).to_bytes(
        4, "little", signed=True
    )
    contract = {key: value for key, value in model.contract.items() if key not in ("galago", "files")}
    return models.write(tmp_path_factory.mktemp("other") / model.name, bytes(data), contract)


def test_a_boards_difference_is_named_by_its_tensor(other: models.ModelDirectory) -> None:
    model = models.find(MODEL)
    picture = next(iter(model.golden()))[0]
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated, transport.connect(emulated.port) as board:
        UploadPlan(board, device_package(board) | model_files(model)).run(lambda path, done: None)
        assert on_board.first_difference(board, model, picture) is None
        found = on_board.first_difference(board, other, picture)
        seen = look_on_board(board, other, picture)
    assert found is not None
    assert found.startswith("operator 9,")
    assert [layer.layer.number for layer in seen if layer.differ][:2] == [10, 11]


@requires("node", debian="nodejs")
def test_a_pages_difference_is_named_by_its_tensor(
    other: models.ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has the model, as above."""
    module = export.script(models.find(MODEL))
    monkeypatch.setattr(export, "script", lambda _: module)
    inputs = next(iter(other.golden()))[0][None]
    comparison = Comparison(other, inputs, other.probabilities(evaluate.int8(other, inputs)), ["photo"])
    comparison.on_web()
    assert comparison.table["first"]["photo"] == "photo"
    assert comparison.table["first"]["tensor"].startswith("operator 9,")


def test_wrong_arguments_are_reported_in_a_line(tmp_path: Path, data: Path) -> None:
    done = run(MODEL, tmp_path, "--on", "gpu")
    assert done.returncode == 2
    assert done.stderr.startswith("galago: expected --on with one or more of float, int8, board, web")
    done = run(MODEL, data / "images" / "flowers" / "test", "--on", "int8", "--limit", 2)
    assert done.returncode == 2
    assert "no sub-folder is named after a class" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_without_its_float_network_says_so(tmp_path: Path) -> None:
    model = models.find(MODEL)
    contract = {key: value for key, value in model.contract.items() if key not in ("galago", "files")}
    bare = models.write(tmp_path / "bare", model.tflite.read_bytes(), contract)
    with pytest.raises(GalagoError) as caught:
        evaluate.floats(bare, np.zeros((1, 96, 96, 3), np.int8))
    assert caught.value.code == "model.missing"
