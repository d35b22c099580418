# SPDX-License-Identifier: MIT
"""A quick head: its features are TensorFlow Lite Micro's, its model is one like any other."""

from pathlib import Path

import numpy as np
import pytest

from galago import models, pictures
from galago.dataset.drawn import drawn
from galago.tflite import head
from galago.tflite.reference import reference
from galago.train.quick_head import BODY, FeatureCache, fit_head, write
from support.studio import jpeg


def inputs(count: int) -> np.ndarray:
    return np.stack([(drawn(n, (96, 96, 3)) ^ 128).view(np.int8) for n in range(count)])


def test_features_are_the_tensor_that_the_whole_network_computes() -> None:
    data = models.find(BODY).tflite.read_bytes()
    short, whole = reference(head.features(data)), reference(data)
    for picture in inputs(2):
        features = short.run(picture).copy()
        assert any(np.array_equal(features, tensor) for tensor in whole.tensors(picture).values())


def test_a_model_with_another_head_answers_as_its_head_in_real_numbers(tmp_path: Path) -> None:
    data = models.find(BODY).tflite.read_bytes()
    random = np.random.default_rng(1)
    kernel = random.normal(0, 0.3, (256, 3)).astype(np.float32)
    scale, zero = head.feature_scale(data)
    oracle, shown = reference(head.features(data)), inputs(6)
    features = np.stack([oracle.run(picture).ravel().copy() for picture in shown])
    logits = (features.astype(float) - zero) * scale @ kernel
    bias = -logits.mean(axis=0).astype(np.float32)
    logits += bias
    whole = reference(head.with_head(data, kernel, bias, (1.1 * logits.min(), 1.1 * logits.max())))
    for picture, expected in zip(shown, logits, strict=True):
        powers = np.exp(expected - expected.max())
        answer = (whole.run(picture).ravel().astype(float) + 128) / 256
        assert np.abs(answer - powers / powers.sum()).max() < 0.05


def test_a_head_learns_and_a_second_time_looks_at_new_photos_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    for number in range(16):
        paths.append(tmp_path / f"p{number}.jpg")
        content = drawn(number, (96, 96, 3)) // 2
        content[..., number % 2 * 2] += 120  # red or blue light
        paths[-1].write_bytes(jpeg(content))
    labels, as_board = np.arange(16) % 2, pictures.as_board
    cache = FeatureCache(tmp_path / "features.npz")
    features = cache.features(paths[:12], lambda: None)
    cache.save()
    model = write(fit_head(features, labels[:12], 2), ["red", "blue"], "light", tmp_path / "model")
    assert models.find(model.path).labels == ["red", "blue"]
    oracle = reference(model.tflite.read_bytes())
    new = [oracle.run(as_board(path, 96, 96)).argmax() for path in paths[12:]]
    assert new == labels[12:].tolist()
    looked: list[int] = []
    again = FeatureCache(tmp_path / "features.npz")
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "as_board", lambda *arguments: looked.append(1) or as_board(*arguments))
        assert np.array_equal(again.features(paths, lambda: None)[:12], features)
    assert len(looked) == 4
