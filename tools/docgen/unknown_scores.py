# SPDX-License-Identifier: MIT
"""Compares scores that could tell pictures of no class from others; writes the table of docs/unknown.md.

    python -m docgen.unknown_scores docs/unknown.md --data ../shared/data

Each score is computed from what the int8 network of an everyday model has computed anyway. What a score has
to learn, it learns from `imagenet_samples`; the table is about `imagenet_val650`, whose pictures no score has
seen. It says how many pictures of no class are answered where a share of the others must be.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from docgen.table import table
from galago import models
from galago.evaluate.answers import labelled, read_inputs
from galago.models import ModelDirectory
from galago.tflite import schema
from galago.tflite.schema import TensorT
from galago.tflite.tflm import Tflm

_MODELS = ("everyday-v1-025-96", "everyday-v1-025-128")
_COVERAGES = (0.98, 0.95, 0.9, 0.8)
_NEIGHBOURS = 5
_SHRINKAGE = 0.05  # of a covariance, towards equal variances
_BEGIN, _END = "<!-- scores: begin -->\n", "<!-- scores: end -->\n"


class Pictures(NamedTuple):
    """What a network computes for pictures, as float32, and their classes, -1 for none."""

    features: np.ndarray
    """The mean of each channel."""
    logits: np.ndarray
    """The scores of all subclasses, those outside of the classes included."""
    sums: np.ndarray
    """The scaled sum of each class's probabilities."""
    confidences: np.ndarray
    """Their softmax, which is the output."""
    labels: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Whether each picture belongs to a class, bool [n]."""
        return self.labels >= 0


def main(page: Path, data: Path) -> None:
    """Writes the table between the marks of the page."""
    rows = []
    for name in _MODELS:
        model = models.find(name)
        known, held_out = (
            compute(model, data / "images" / it) for it in ("imagenet_samples", "imagenet_val650")
        )
        for title, score in scores(known):
            rows.append((name, title, *map("{:.1%}".format, answered(score(held_out), held_out.inside))))
    headings = ("model", "score", *(f"{coverage:.0%} of the others" for coverage in _COVERAGES))
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    text = table(headings, rows, right=range(2, 2 + len(_COVERAGES)))
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def compute(model: ModelDirectory, folder: Path) -> Pictures:
    """Runs TensorFlow Lite Micro on the photos of a folder with a labels.txt."""
    tflite = model.tflite.read_bytes()
    tensors, runtime = schema.parse(tflite).subgraphs[0].tensors, Tflm(tflite)
    photos = labelled(model, folder)
    inputs, positions = read_inputs(model, photos.paths)
    vectors = list[list[np.ndarray]]()
    for picture in model.tensor(inputs.view(np.uint8) ^ 128):
        last = [(i, values) for i, values in runtime.tensors(picture).items() if values.ndim < 4]
        vectors.append([_real(values, tensors[i]) for i, values in last])
    features, logits, _, sums, confidences = (np.stack(each) for each in zip(*vectors, strict=True))
    return Pictures(features, logits, sums, confidences, photos.labels[positions])


def scores(known: Pictures) -> Iterator[tuple[str, Callable[[Pictures], np.ndarray]]]:
    """Yields the name of each score, and what computes it, float [n]: the higher, the better known."""
    yield "largest confidence (`unknown_below`)", lambda it: it.confidences.max(axis=1)
    yield "largest sum of a class's probabilities", lambda it: it.sums.max(axis=1)
    yield "sum of all classes' probabilities", lambda it: it.sums.sum(axis=1)
    yield "energy: logsumexp of the logits", lambda it: np.asarray(logsumexp(it.logits, axis=1))
    yield "largest logit", lambda it: it.logits.max(axis=1)
    yield "Mahalanobis distance of the features to the nearest class", mahalanobis(known)
    yield f"similarity of the features to the {_NEIGHBOURS} nearest photos", neighbours(known)
    yield "logistic regression on the features", regression(known)


def mahalanobis(known: Pictures) -> Callable[[Pictures], np.ndarray]:
    """The negative distance to the nearest class's mean, with a covariance for all (Lee et al. 2018)."""
    features, labels = known.features[known.inside], known.labels[known.inside]
    means = np.stack([features[labels == label].mean(axis=0) for label in np.unique(labels)])
    centred = features - means[np.unique(labels, return_inverse=True)[1]]
    covariance = np.cov(centred.T)
    size = len(covariance)
    inverse = np.linalg.inv(covariance + _SHRINKAGE * np.trace(covariance) / size * np.eye(size))

    def score(pictures: Pictures) -> np.ndarray:
        away = pictures.features[:, None] - means
        return -np.einsum("nkc,cd,nkd->nk", away, inverse, away).min(axis=1)

    return score


def neighbours(known: Pictures) -> Callable[[Pictures], np.ndarray]:
    """The mean cosine to the nearest known photos that belong to a class (Sun et al. 2022)."""
    near = _unit(known.features[known.inside])
    return lambda pictures: np.sort(_unit(pictures.features) @ near.T, axis=1)[:, -_NEIGHBOURS:].mean(axis=1)


def regression(known: Pictures) -> Callable[[Pictures], np.ndarray]:
    """What tells known photos of a class from those of none."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=1e-3, class_weight="balanced", max_iter=2000)
    )
    model.fit(known.features, known.inside)
    return lambda pictures: model.decision_function(pictures.features)


def answered(score: np.ndarray, inside: np.ndarray) -> list[float]:
    """The share of pictures of no class above the threshold that each share of the others reaches."""
    thresholds = np.quantile(score[inside], [1 - coverage for coverage in _COVERAGES])
    return [float((score[~inside] >= threshold).mean()) for threshold in thresholds]


def _real(values: np.ndarray, tensor: TensorT) -> np.ndarray:
    """The numbers, float32 [n], that an int8 tensor stands for."""
    how = tensor.quantization
    assert how, "int8 tensors have a scale"
    assert how.scale is not None
    assert how.zeroPoint is not None
    return (values.ravel().astype(np.float32) - how.zeroPoint[0]) * how.scale[0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    main(**vars(parser.parse_args()))
