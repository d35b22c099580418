# SPDX-License-Identifier: MIT
"""A head fitted in seconds, without TensorFlow: a linear classifier on a shipped network's int8 features.

    cache = FeatureCache(Path("features.npz"))
    found = cache.features(paths, tick)         # int8 [n, 2, channels]: as it is, and mirrored
    head = fit_head(found, labels, classes=3)
    model = write(head, names, "mine", out)     # an ordinary model directory

The body is that of everyday-v1-025-96, byte for byte, so the features are those that a board computes.
Multinomial logistic regression with weight decay (Bishop 2006, section 4.3), every class weighing the same;
temperature and threshold are chosen on photos that the first fit has not seen, as in `train.confidence`.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galago import dataset, models, pictures
from galago.models import ModelDirectory
from galago.quantize.measurement import measure
from galago.tflite import head as tflite_head
from galago.tflite.arithmetic import softmax
from galago.tflite.reference import reference
from galago.train.confidence import TEMPERATURES, log_loss, unknown_threshold

BODY = "everyday-v1-025-96"
_STEPS, _RATE = 400, 0.05
_DECAY = 0.3  # of weights for features of deviation 1; less fits the photos, not the classes
_SMOOTHING = 0.05
_MARGIN = 1.1  # of the logits' range on the photos


@dataclass(frozen=True)
class Head:
    """A fitted head, for real-valued features."""

    kernel: np.ndarray
    """float32 [channels, classes]."""
    bias: np.ndarray
    """float32 [classes]."""
    limits: tuple[float, float]
    """Of the logits."""
    unknown_below: float
    temperature: float
    """That the logits were divided by."""


class FeatureCache:
    """Features by photo, in a file, so that photos that are added cost their own time alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, np.ndarray] = {}
        try:
            with np.load(path) as file:
                self._rows = dict(zip(file["names"].tolist(), file["features"], strict=True))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # none yet, or damaged: they are computed again

    def features(self, paths: list[Path], tick: Callable[[], None]) -> np.ndarray:
        """Returns the features of photos, int8 [n, 2, channels]. Raises GalagoError image.*."""
        body = models.find(BODY)
        height, width, channels = body.input_shape
        oracle = reference(tflite_head.features(body.tflite.read_bytes()))
        rows = []
        for path in paths:
            stat = path.stat()
            key = f"{path.name} {stat.st_size} {stat.st_mtime_ns}"
            if key not in self._rows:
                picture = pictures.as_board(path, height, width, channels, body.contract["input"]["resize"])
                views = picture, np.ascontiguousarray(picture[:, ::-1])
                self._rows[key] = np.stack([np.ravel(oracle.run(view)).copy() for view in views])
            rows.append(self._rows[key])
            tick()
        return np.stack(rows)

    def save(self) -> None:
        """Writes the file in one step."""
        part = self._path.with_name(f"{self._path.name}.part.npz")
        part.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, names=np.array(list(self._rows)), features=np.stack(list(self._rows.values())))
        part.replace(self._path)


def fit_head(features: np.ndarray, labels: np.ndarray, classes: int) -> Head:
    """Fits a head to int8 features [n, 2, channels] of photos with classes int64 [n]."""
    scale, zero = tflite_head.feature_scale(models.find(BODY).tflite.read_bytes())
    x = (features.astype(np.float32) - zero) * np.float32(scale)
    aside = dataset.split(labels, 0.2, seed=1)
    seen = ~aside
    if len(np.unique(labels[seen])) < classes or not aside.any():
        aside = seen = np.ones(len(labels), bool)  # too few photos to spare any
    kernel, bias = _fit(x[seen], labels[seen], classes)
    logits = x[aside, 0] @ kernel + bias
    losses = [log_loss(softmax(np.divide(logits, t)), labels[aside]) for t in TEMPERATURES]
    temperature = float(TEMPERATURES[np.argmin(losses)])
    confidence = softmax(logits / temperature).max(axis=1)
    unknown_below = unknown_threshold(confidence, np.ones(len(confidence), bool))
    kernel, bias = _fit(x, labels, classes)
    kernel, bias = np.divide(kernel, temperature), np.divide(bias, temperature)
    logits = x.reshape(-1, x.shape[-1]) @ kernel + bias
    limits = _MARGIN * float(logits.min()), _MARGIN * float(logits.max())
    return Head(kernel, bias, limits, unknown_below, temperature)


def _fit(x: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel and bias for real-valued features [n, 2, channels]; Adam on all photos at once."""
    rows, own = x.reshape(-1, x.shape[-1]), np.repeat(labels, x.shape[1])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    z = (rows - mean) / deviation
    targets = np.full((len(z), classes), _SMOOTHING / classes, np.float32)
    targets[np.arange(len(z)), own] += 1 - _SMOOTHING
    weights = (1 / np.maximum(np.bincount(own, minlength=classes), 1))[own, None] / classes
    parameters = np.zeros((z.shape[1] + 1, classes), np.float32)
    z1 = np.concatenate([z, np.ones((len(z), 1), np.float32)], axis=1).astype(np.float32)
    first, second = np.zeros_like(parameters), np.zeros_like(parameters)
    decay = np.full((len(parameters), 1), _DECAY, np.float32)
    decay[-1] = 0
    for step in range(1, _STEPS + 1):
        error = (softmax(z1 @ parameters) - targets) * weights
        gradient = z1.T @ error.astype(np.float32) + decay * parameters
        first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
        rate = _RATE * (1 - step / (_STEPS + 1))
        parameters -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    kernel = parameters[:-1] / deviation[:, None]
    return kernel.astype(np.float32), (parameters[-1] - mean @ kernel).astype(np.float32)


def write(head: Head, labels: list[str], name: str, out: Path) -> ModelDirectory:
    """Writes the model directory of a head. Raises GalagoError model.*."""
    body = models.find(BODY)
    tflite = tflite_head.with_head(body.tflite.read_bytes(), head.kernel, head.bias, head.limits)
    kept = {key: body.contract[key] for key in ("architecture", "alpha", "input", "output")}
    contract = {"name": name, **kept, "labels": labels, "unknown_below": head.unknown_below}
    return models.write(out, tflite, contract | measure(tflite, body.input_shape))
