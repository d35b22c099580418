# SPDX-License-Identifier: MIT
"""Simulated kmodels against TensorFlow Lite Micro, and against labels, on pictures.

table(AGREEMENT, [agreement_row(network, photos) for network in networks])
accuracy(kmodel, photos, cache=folder)

Answers to all pictures take long, so they are kept in files beside the .tflite, or in the folder `cache`.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from docgen.kmodels.networks import CompiledNetwork
from galago import dataset, pictures
from galago.targets import k210
from galago.targets.k210.kmodel import Kmodel
from galago.targets.k210.kpu_arithmetic import Rounding
from galago.targets.k210.simulator import Simulator
from galago.tflite.tflm import Tflm

AGREEMENT = (
    "model",
    "pictures",
    "same top-1",
    "of TFLM's best",
    "all logits equal",
    "largest difference",
    "top-1 TFLM",
    "top-1 kmodel",
)
"""The headings of the table."""
ALL = 1 << 30
"""A count that means all pictures."""
_Answer = Callable[[np.ndarray], np.ndarray]
_console = Console(stderr=True)


def agreement_row(
    network: CompiledNetwork, photos: Path, count: int = ALL, cached_only: bool = False
) -> list[str]:
    """Returns a row for a network; empty if `cached_only` and its answers are not all kept."""
    labels = np.array([int(label) for label in dataset.from_labels_file(photos).labels[:count]])
    answers = [answers_of(network, photos, count, cached_only) for answers_of in (_tflm, _simulated)]
    if not all(answer.size for answer in answers):
        return []
    expected, got = (answer.astype(int) for answer in answers)
    tflm_class, kmodel_class = expected.argmax(1), got.argmax(1)
    is_best = expected[np.arange(len(expected)), kmodel_class] == expected.max(1)
    shares = (
        tflm_class == kmodel_class,
        is_best,
        (got == expected).all(1),
        tflm_class == labels,
        kmodel_class == labels,
    )
    same, best, equal, tflm_right, kmodel_right = (f"{share.mean():.1%}" for share in shares)
    largest = f"{abs(got - expected).max()} LSB"
    return [network.name, str(len(labels)), same, best, equal, largest, tflm_right, kmodel_right]


def accuracy(kmodel: Path, photos: Path, cache: Path, count: int = ALL, rounding: Rounding = "up") -> str:
    """Returns a sentence with top-1 and top-5 of a kmodel against the labels."""
    key = hashlib.sha256(kmodel.read_bytes() + f"{photos} {count} {rounding}".encode() + _source())
    file = cache / f"{kmodel.stem}.{key.hexdigest()[:12]}.txt"
    if file.exists():
        return file.read_text(encoding="utf-8")
    simulator = Simulator(Kmodel.read(kmodel.read_bytes()), rounding)
    first = fifth = 0
    spent = 0.0
    total = len(dataset.from_labels_file(photos).paths[:count])
    for planes, label in track(
        _planes(photos, simulator.input_shape, count), kmodel.name, total, console=_console
    ):
        start = time.process_time()
        (scores,) = simulator.run(planes)
        spent += time.process_time() - start
        best = np.argsort(-scores, kind="stable")[:5]
        first += int(best[0] == label)
        fifth += int(label in best)
    file.write_text(
        f"{kmodel.name} on {total} pictures: top-1 {first / total:.1%}, top-5 {fifth / total:.1%}, "
        f"{spent / total:.2f} s of processor time each",
        encoding="utf-8",
    )
    return file.read_text(encoding="utf-8")


def _tflm(network: CompiledNetwork, photos: Path, count: int, cached_only: bool) -> np.ndarray:
    """Returns the logits of TensorFlow Lite Micro, int8 [pictures, classes]."""
    oracle, (tensor, _, _) = Tflm(network.data), network.logits()

    def answer(planes: np.ndarray) -> np.ndarray:
        return oracle.tensors((planes.transpose(1, 2, 0) ^ 128).view(np.int8))[tensor].ravel()

    return _cached(network, photos, count, network.data, None if cached_only else answer)


def _simulated(network: CompiledNetwork, photos: Path, count: int, cached_only: bool) -> np.ndarray:
    """Returns the logits of the simulated kmodel in TFLite's steps, int16 [pictures, classes]."""
    simulator, (_, scale, zero_point) = Simulator(network.compiled.model), network.logits()

    def answer(planes: np.ndarray) -> np.ndarray:
        rotated = planes[:, ::-1, ::-1] if network.compiled.rotated else planes
        results: list[np.ndarray] = []
        simulator.run(np.ascontiguousarray(rotated), lambda _, __, result: results.append(result))
        return (np.rint(results[-2].ravel() / scale) + zero_point).astype(np.int16)

    key = network.compiled.model.write() + _source()
    return _cached(network, photos, count, key, None if cached_only else answer)


def _cached(
    network: CompiledNetwork, photos: Path, count: int, key: bytes, answer: _Answer | None
) -> np.ndarray:
    """Returns the answers to all pictures, from a file beside the .tflite if it exists.

    Without the file and without `answer` the array is empty.
    """
    paths = dataset.from_labels_file(photos).paths[:count]
    name = hashlib.sha256(key + "".join(path.name for path in paths).encode()).hexdigest()[:12]
    file = network.path.with_suffix(f".{name}.npy")
    if not file.exists():
        if answer is None:
            return np.empty(0)
        height, width, channels = network.graph.tensors[network.graph.input].shape[1:]
        planes = _planes(photos, (channels, height, width), count)
        answers = [answer(one) for one, _ in track(planes, network.name, len(paths), console=_console)]
        np.save(file, np.stack(answers))
    return np.load(file)


def _source() -> bytes:
    """Returns the source of compiler and simulator: answers are computed again if it changes."""
    return b"".join(path.read_bytes() for path in sorted(Path(k210.__path__[0]).rglob("*.py")))


def _planes(photos: Path, shape: tuple[int, int, int], count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields pictures, uint8 [channels, height, width], with their labels."""
    channels, height, width = shape
    listed = dataset.from_labels_file(photos)
    for position, rgb in dataset.read(listed.paths[:count], print):
        pixels = pictures.resize(rgb, height, width, channels)
        yield np.ascontiguousarray(pixels.transpose(2, 0, 1)), int(listed.labels[position])
