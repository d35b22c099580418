# SPDX-License-Identifier: MIT
"""`galago classify` as a user runs it: on an emulated board, with good pictures and all kinds of bad ones."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from galago import boards
from galago.emulator import EmulatedBoard
from galago.models import find
from support.builder import Builder

ROOT = Path(__file__).resolve().parents[1]
Run = Callable[..., subprocess.CompletedProcess]


def galago(*arguments: object, timeout: float = 600) -> subprocess.CompletedProcess:
    """Runs the command; no traceback may ever reach the user."""
    argv = [sys.executable, "-m", "galago", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedBoard]:
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def classify(board: EmulatedBoard) -> Run:
    """Runs `galago classify --port` on one board that stays up, so that it is flashed only once."""
    return lambda *arguments, **options: galago("classify", "--port", board.port, *arguments, **options)


@pytest.fixture(scope="module")
def photos() -> dict[str, Path]:
    """The standard photos of the demo by name."""
    listed = subprocess.run(
        [sys.executable, "-m", "galago.dataset.standard_photos"], capture_output=True, text=True, check=True
    )
    return {Path(path).stem: Path(path) for path in listed.stdout.split()}


def lines_of(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_demo_photos_come_out_right(classify: Run, photos: dict[str, Path]) -> None:
    expected = {
        "chelsea": "cat",
        "coffee": "cup",
        "motorcycle_left": "motorcycle",
        "rocket": "rocket",
        "flower": "flower",
        "china": "building",
    }
    done = classify("--json", *(photos[name] for name in expected))
    assert done.returncode == 0, done.stderr
    assert [line["top"][0]["label"] for line in lines_of(done)] == list(expected.values())


def test_confidences_are_those_of_tflm(classify: Run, photos: dict[str, Path]) -> None:
    """Pillow, numpy and TensorFlow Lite Micro agree with the board's decoders, resize and engine."""
    from galago import pictures
    from galago.tflite.tflm import Tflm

    model = find("everyday-v1-025-96")
    oracle = Tflm(model.tflite.read_bytes())
    done = classify("--json", "--top", "3", *photos.values())
    for line, path in zip(lines_of(done), photos.values(), strict=True):
        scores = oracle.run(
            pictures.as_board(path, *model.input_shape, model.contract["input"]["resize"])
        ).reshape(-1)
        best = sorted(range(len(scores)), key=lambda index: (-int(scores[index]), index))[:3]
        assert [entry["index"] for entry in line["top"]] == best
        confidences = [entry["confidence"] for entry in line["top"]]
        assert confidences == [round((int(scores[index]) + 128) / 256, 4) for index in best]


@pytest.mark.slow
def test_fifty_pictures_keep_order_and_count(classify: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    """All formats mixed, some names twice; each line names its picture."""
    formats = (".jpg", ".png", ".bmp", ".ppm", ".webp", ".gif", ".pgm")
    sources = [Image.open(path).convert("RGB") for path in photos.values()]
    paths = []
    for index in range(50):
        suffix = formats[index % len(formats)]
        path = tmp_path / str(index % 3) / f"{index // 3:02}{suffix}"
        path.parent.mkdir(exist_ok=True)
        picture = sources[index % len(sources)].resize((40 + 3 * index, 60 + index))
        (picture.convert("L") if suffix == ".pgm" else picture).save(path)
        paths.append(path)
    done = classify("--json", *paths)
    assert done.returncode == 0, done.stderr
    lines = lines_of(done)
    assert [line["seq"] for line in lines] == list(range(50))
    assert [line["image"] for line in lines] == [path.name for path in paths]
    assert all(len(line["top"]) == 1 for line in lines)


def test_bad_pictures_get_a_line_each_and_the_rest_is_answered(
    classify: Run, photos: dict[str, Path], tmp_path: Path
) -> None:
    good = photos["rocket"]
    jpeg = good.read_bytes()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (tmp_path / "text.jpg").write_text("not a picture, whatever its name says\n")
    (tmp_path / "folder.jpg").mkdir()
    png = bytearray(photos["coffee"].read_bytes())
    png[1000] ^= 0xFF
    (tmp_path / "broken.png").write_bytes(png)
    expected = {
        "empty.jpg": "image.empty",
        "truncated.jpg": "image.truncated",
        "text.jpg": "image.format",
        "folder.jpg": "image.missing",
        "broken.png": "image.corrupt",
        "absent.jpg": "image.missing",
    }
    paths = []
    for name in expected:
        paths += [tmp_path / name, good]
    done = classify("--json", *paths)
    assert done.returncode == 1
    lines = lines_of(done)
    assert [line["image"] for line in lines] == [path.name for path in paths]
    assert {line["image"]: line["error"]["code"] for line in lines[::2]} == expected
    for line in lines[::2]:
        assert line["image"] in line["error"]["message"]
        assert "\n" not in line["error"]["message"]
    assert {line["top"][0]["label"] for line in lines[1::2]} == {"rocket"}


def test_odd_names_are_kept(classify: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    names = [
        "wéird näme.jpg",
        "quote'\".jpg",
        "line\nbreak.jpg",
        "-dash.jpg",
        "no utf-8 \udcff.jpg",
        "x" * 251 + ".jpg",
    ]
    for name in names:
        shutil.copy(photos["rocket"], tmp_path / name)
    done = classify("--json", *(tmp_path / name for name in names), tmp_path / "absent\udcff.jpg")
    assert done.returncode == 1
    lines = lines_of(done)
    expected = [name.replace("\udcff", "?") for name in [*names, "absent\udcff.jpg"]]
    assert [line["image"] for line in lines] == expected
    assert ["error" in line for line in lines] == [False] * len(names) + [True]


@pytest.mark.slow
def test_tiny_and_huge_pictures_are_answered(classify: Run, tmp_path: Path) -> None:
    sizes = {"1x1.png": (1, 1), "1x1.jpg": (1, 1), "wide.jpg": (5000, 1), "40-megapixels.jpg": (8000, 5000)}
    for name, size in sizes.items():
        Image.new("RGB", size, (200, 30, 90)).save(tmp_path / name)
    done = classify("--json", *(tmp_path / name for name in sizes))
    assert done.returncode == 0, done.stdout
    assert [line["image"] for line in lines_of(done)] == list(sizes)


def test_the_table_shows_class_confidence_and_times(
    classify: Run, photos: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.png").touch()
    done = classify("--top", "2", photos["chelsea"], tmp_path / "empty.png")
    assert done.returncode == 1
    first, second, error = done.stdout.splitlines()[:3]
    assert first.startswith("chelsea.png")
    assert "cat" in first
    assert "%" in second
    assert "invoke" in first
    assert error.startswith("empty.png")
    assert "image.empty" in error
    assert "2 pictures, 1 classified, 1 with errors" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped model, for tests to damage."""
    return Path(shutil.copytree(find("everyday-v1-025-96").path, tmp_path / "copy"))


def test_a_model_with_a_wrong_hash_is_refused(classify: Run, copy: Path, photos: dict[str, Path]) -> None:
    content = bytearray((copy / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.tflite").write_bytes(content)
    done = classify("--model", copy, photos["rocket"])
    assert done.returncode == 2
    assert "expected sha256" in done.stderr
    assert done.stdout == ""


def test_a_model_with_a_missing_label_is_refused(classify: Run, copy: Path, photos: dict[str, Path]) -> None:
    contract = json.loads((copy / "model.json").read_text())
    contract["labels"].pop()
    (copy / "model.json").write_text(json.dumps(contract))
    done = classify("--model", copy, photos["rocket"])
    assert done.returncode == 2
    assert "label" in done.stderr


def test_a_model_with_an_operator_that_the_engine_lacks_is_refused_by_name(
    classify: Run, copy: Path, photos: dict[str, Path]
) -> None:
    """The board names the layer and the operator that the host does not check, and classifies nothing."""
    graph = Builder((1, 96, 96, 3))
    y = graph.mean(graph.operator("ABS", [graph.input], graph.computed((1, 96, 96, 3), (1 / 128, 0))))
    weights = np.zeros((20, 3), np.int8)
    tflite = graph.finish(graph.softmax(graph.dense(y, weights, None, [0.1])))
    contract = json.loads((copy / "model.json").read_text())
    contract["files"] = {
        "tflite": {"name": "model.tflite", "bytes": len(tflite), "sha256": sha256(tflite).hexdigest()}
    }
    (copy / "model.tflite").write_bytes(tflite)
    (copy / "model.json").write_text(json.dumps(contract))
    done = classify("--model", copy, photos["rocket"])
    assert done.returncode == 2
    *_, line = done.stderr.splitlines()  # after the lines about flashing
    assert line.startswith("galago: layer 0: operator ABS is not supported: use")
    assert done.stdout == ""


def test_an_unknown_model_gets_a_hint(classify: Run, photos: dict[str, Path]) -> None:
    done = classify("--model", "everyday-v1-025-69", photos["rocket"])
    assert done.returncode == 2
    assert "everyday-v1-025-96" in done.stderr


def test_a_missing_port_is_named(photos: dict[str, Path]) -> None:
    done = galago("classify", "--port", "/dev/ttyNOWHERE", photos["rocket"])
    assert done.returncode == 2
    assert "/dev/ttyNOWHERE" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_busy_port_is_named(board: EmulatedBoard, photos: dict[str, Path]) -> None:
    import serial

    with serial.Serial(board.port, exclusive=True):
        done = galago("classify", "--port", board.port, photos["rocket"])
    assert done.returncode == 2
    assert board.port in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_port_and_board_exclude_each_other(photos: dict[str, Path]) -> None:
    done = galago("classify", "--port", "a0", "--board", "RPI_PICO", photos["rocket"])
    assert done.returncode == 2
    assert "one of them" in done.stderr


def test_an_unplugged_board_ends_the_run_with_one_line(photos: dict[str, Path]) -> None:
    pictures = [photos["rocket"]] * 200
    with EmulatedBoard(boards.load("RPI_PICO2")) as emulated:
        argv = [
            sys.executable,
            "-m",
            "galago",
            "classify",
            "--json",
            "--port",
            emulated.port,
            *map(str, pictures),
        ]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            emulated.unplug()
            rest, errors = process.communicate(timeout=600)
    assert first["seq"] == 0
    assert process.returncode == 2
    assert "Traceback" not in errors
    assert emulated.port in errors.splitlines()[-1]
    answered = [json.loads(line) for line in rest.splitlines()]
    assert [line["seq"] for line in answered] == list(range(1, len(answered) + 1))
    assert len(answered) < len(pictures)


def test_folders_and_names_from_standard_input(board: EmulatedBoard, tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.png", "a/deep/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), (200, 30, 10)).save(tmp_path / name)
    argv = [
        sys.executable,
        "-m",
        "galago",
        "classify",
        "--port",
        board.port,
        str(tmp_path / "a"),
        "-",
        "--summary",
    ]
    names = f"{tmp_path}/b/2.png\n\n{tmp_path}/none.png\n"
    done = subprocess.run(argv, input=names, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, done.stderr
    first = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert first[:5] == ["1.png", "0.png", "2.png", "none.png", "class"]
    table = done.stdout.partition("confidence")[2].partition("4 pictures, 3 classified")[0].split("\n")
    assert sum(int(row.split()[-2] if "%" in row else row.split()[-1]) for row in table if row.strip()) == 4
    assert "error" in done.stdout.partition("confidence")[2]
