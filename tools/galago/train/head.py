# SPDX-License-Identifier: MIT
"""The first stage of a training: a new head alone, on features that are computed once.

kernel, bias = fit_head(body, augment, photos, targets, stage, seed)

The features are those of the photos as they are and of some augmented views. Augmentation and body are one
compiled function, and so are all steps of the head: each step is so small that calling it would take longer.
"""

import math
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.train.photo_cache import SQUARES, PhotoCache
from galago.train.pixels import predict
from galago.train.recipe import PhotoStage

_VIEWS = 2  # augmented views of each photo
_AT_ONCE = 64  # photos that are augmented together: each takes 3 MB meanwhile
_BATCH = 256
_MOST_OFTEN = 4.0  # bounds how much more often a photo of a rare class is drawn


def fit_head(
    body: Any, augment: Any, photos: PhotoCache, targets: np.ndarray, stage: PhotoStage, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel and bias of a head, float32 [features, classes] and [classes], fitted to the photos.

    `body` maps float32 [n, size, size, 3] to features, `augment` squares of photos to its input; `targets`
    are probabilities of the classes, float32 [all photos, classes].
    """
    training = photos.training
    x = _features(body, augment, photos)
    count = len(x) // len(training)
    y = np.tile(targets[training], (count, 1))
    weights = np.tile(balanced(photos.labels[training]) * len(training), count)
    return _fit(x, y, weights.astype(np.float32), stage, seed)


def balanced(labels: np.ndarray) -> np.ndarray:
    """Returns how likely each photo is drawn, float64 [n], sum 1, from the classes int64 [n].

    Every class is drawn alike, except that very rare ones are drawn less.
    """
    counts = np.bincount(labels)
    weights = np.minimum(counts.max() / np.maximum(counts, 1), _MOST_OFTEN)[labels]
    return weights / weights.sum()


def _features(body: Any, augment: Any, photos: PhotoCache) -> np.ndarray:
    """Returns the features of the training photos and of their views, float32 [n * (1 + views), c]."""
    tf = lazy_tensorflow.tensorflow()
    shape = (None, photos.side, photos.side, 3)
    compiled = tf.function(
        lambda squares: body(augment(squares), training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32)],
    )
    training = photos.training
    parts = [training[start : start + _AT_ONCE] for start in range(0, len(training), _AT_ONCE)]
    features = [predict(body, photos.inputs[part]) for part in parts]
    for view in range(_VIEWS):
        for part in parts:
            squares = photos.squares[part, view % SQUARES].astype(np.float32)
            features.append(compiled(squares).numpy())
    return np.concatenate(features)


def _fit(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, stage: PhotoStage, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fits a softmax to features float32 [n, c] with targets [n, classes]; each row counts by its weight."""
    tf, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    logits = keras.layers.Dense(y.shape[1])
    logits.build((None, x.shape[1]))
    variables = logits.trainable_variables
    steps = math.ceil(len(x) / _BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(stage.learning_rate, stage.epochs * steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-3)
    optimizer.build(variables)
    rows = tf.constant(x), tf.constant(y), tf.constant(weights)

    @tf.function
    def epoch(order: Any) -> None:
        for drawn in order:  # a loop within the compiled function
            pixels, targets, weight = (tf.gather(each, drawn) for each in rows)
            with tf.GradientTape() as tape:
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits(pixels))
                loss = tf.reduce_mean(losses * weight)
            optimizer.apply(tape.gradient(loss, variables), variables)

    random = np.random.default_rng(seed)
    for _ in range(stage.epochs):
        order = np.resize(random.permutation(len(x)), (steps, min(_BATCH, len(x))))
        epoch(tf.constant(order, tf.int32))
    kernel, bias = logits.get_weights()
    return kernel, bias
