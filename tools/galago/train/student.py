# SPDX-License-Identifier: MIT
"""The small network on its way: ImageNet weights at another size, fitted to teachers, merged into classes.

student = imagenet_student(recipe)               # ends in 1000 logits
adapt(student, views, stage, group, seed, say)
kernel, bias = widened(student, views)           # rows for what ImageNet does not know
trained = with_classes(student, recipe, head, check, labels, say)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago import distill, quiet
from galago.errors import GalagoError
from galago.train.recipe import Recipe, Stage
from galago.train.views import Views, batches, to_float

SHARPNESS = np.arange(2, 16.1, 0.5)


@dataclass(frozen=True)
class Trained:
    """The float network, ending in a softmax over the classes, and below which confidence it is unknown."""

    network: Any
    unknown_below: float
    sharpness: float


def imagenet_student(recipe: Recipe) -> Any:
    """The small network with ImageNet weights, ending in 1000 logits, at the recipe's size.

    keras.applications pads before each strided depthwise layer by hand; at even sizes that is what
    padding="same" does, and one operator less to run on the board.
    """
    trained = distill.imagenet(recipe.architecture, recipe.alpha, recipe.trained)
    keras = quiet.keras()
    shape = (recipe.size, recipe.size, 3)
    body = distill.application(recipe.architecture)(
        input_shape=shape, alpha=recipe.alpha, weights=None, include_top=False
    )
    for layer in body.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())

    def same_padding(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            config["padding"] = "same"
        return type(layer).from_config(config)

    def without_padding(layer: Any, *inputs: Any, **options: Any) -> Any:
        return inputs[0] if isinstance(layer, keras.layers.ZeroPadding2D) else layer(*inputs, **options)

    clone = keras.models.clone_model(body, clone_function=same_padding, call_function=without_padding)
    clone.set_weights(body.get_weights())
    features = keras.layers.GlobalAveragePooling2D(name="features")(clone.output)
    head = keras.layers.Dense(distill.IMAGENET, name="imagenet")
    student = keras.Model(clone.input, head(features))
    top = next(layer for layer in reversed(trained.layers) if layer.weights)
    kernel, bias = top.get_weights()
    head.set_weights([kernel.reshape(-1, distill.IMAGENET), bias])
    return student


def adapt(
    student: Any, views: Views, stage: Stage, group: np.ndarray, seed: int, say: Callable[[str], None]
) -> None:
    """Fits the student to the teachers' answers: AdamW, its rate rising for half an epoch, then a cosine."""
    keras = quiet.keras()
    if stage.layers not in ("spatial", "all"):
        raise GalagoError("config.invalid", f"layers {stage.layers!r}: wanted 'spatial' or 'all'")
    spatial = (keras.layers.BatchNormalization, keras.layers.DepthwiseConv2D)
    for layer in student.layers:
        layer.trainable = stage.layers == "all" or isinstance(layer, spatial)
    warm = max(1, stage.steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        stage.rate / 20,
        max(1, stage.epochs * stage.steps - warm),
        warmup_target=stage.rate,
        warmup_steps=warm,
    )
    members = keras.ops.one_hot(group + 1, int(group.max()) + 2)

    def loss(targets: Any, logits: Any) -> Any:
        fine = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
        said = keras.ops.matmul(keras.ops.softmax(logits), members)
        return fine + stage.classes * keras.losses.categorical_crossentropy(
            keras.ops.matmul(targets, members), said
        )

    student.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4), loss)
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: say(
            f"{stage.layers} layers, epoch {epoch + 1} of {stage.epochs}: loss {(logs or {})['loss']:.4f}"
        )
    )
    student.fit(batches(views, stage, seed), epochs=stage.epochs, verbose=0, callbacks=[told])


def widened(student: Any, views: Views) -> tuple[np.ndarray, np.ndarray]:
    """The head with a row more for each kind: kernel float [features, 1000 + kinds], bias [1000 + kinds].

    Only the new rows are learned: a kind's photos against all of ImageNet, whose logits come in as their
    log-sum-exp, so that nothing else changes.
    """
    keras = quiet.keras()
    head = student.get_layer("imagenet")
    kernel, bias = head.get_weights()
    count = int(views.kinds.max()) + 1
    if not count:
        return kernel, bias
    both = keras.Model(student.input, [student.get_layer("features").output, head.output])
    features, logits = both.predict(to_float(views.pixels), batch_size=200, verbose=0)
    largest = logits.max(axis=1, keepdims=True)
    rest = largest + np.log(np.exp(logits - largest).sum(axis=1, keepdims=True))

    inputs = keras.Input(features.shape[1:]), keras.Input((1,))
    rows = keras.layers.Dense(count)
    model = keras.Model(inputs, keras.layers.Concatenate()([inputs[1], rows(inputs[0])]))
    steps = 30 * int(np.ceil(len(features) / 256))
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-2, steps), weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # All kinds together count a third of one of ImageNet's thousand: they would claim too much else.
    number = np.bincount(views.kinds + 1)
    weights = np.where(views.kinds < 0, 1, number[0] / distill.IMAGENET / number[1:].sum() / 3)
    model.fit([features, rest], views.kinds + 1, sample_weight=weights, batch_size=256, epochs=30, verbose=0)
    new_kernel, new_bias = rows.get_weights()
    return np.concatenate([kernel, new_kernel], axis=1), np.concatenate([bias, new_bias])


def with_classes(
    student: Any,
    recipe: Recipe,
    head: tuple[np.ndarray, np.ndarray, np.ndarray],
    check: np.ndarray,
    labels: np.ndarray,
    say: Callable[[str], None],
) -> Trained:
    """The student with the recipe's classes for a head: subclasses, softmax, their sums, softmax.

    `head` is what `distill.subclasses` gives. The first softmax gives the probability p of each subclass, and
    those outside of every class take their part of it. The last layer sums p over each class and sharpens:
    softmax(s p) keeps the order, is nearly uniform where most of p lies outside, and has the sharpness s that
    suits the validation photos, `check` and `labels`, best.
    """
    keras = quiet.keras()
    kernel, bias, owner = head
    count = len(recipe.classes)
    members = np.eye(count, dtype=np.float32)[owner] * (owner >= 0)[:, None]
    features = student.get_layer("features").output
    inner = keras.layers.Dense(len(owner), activation="softmax", name="subclasses")
    parts = keras.Model(student.input, inner(features))
    inner.set_weights([kernel, bias])
    sums = parts.predict(to_float(check), batch_size=200, verbose=0) @ members
    inside = labels >= 0
    sharpness = min(SHARPNESS, key=lambda s: _loss(sums[inside], labels[inside], s))
    confidence = _softmax(sums * sharpness).max(axis=1)
    threshold = threshold_of(confidence, inside)
    right = (sums.argmax(axis=1) == labels)[inside].mean()
    kept = confidence >= threshold
    say(
        f"validation: {right:.1%} of {inside.sum()} views right; sharpness {sharpness}; unknown below "
        f"{threshold} keeps {kept[inside].mean():.1%} of them and {kept[~inside].mean():.1%} of "
        f"{(~inside).sum()} outside"
    )
    outer = keras.layers.Dense(count, use_bias=False, activation="softmax", name="classes")
    network = keras.Model(student.input, outer(inner.output), name=recipe.architecture)
    outer.set_weights([members * sharpness])
    return Trained(network, threshold, float(sharpness))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _loss(sums: np.ndarray, labels: np.ndarray, sharpness: float) -> float:
    return float(-np.log(_softmax(sums * sharpness)[np.arange(len(labels)), labels]).mean())


def threshold_of(confidence: np.ndarray, inside: np.ndarray) -> float:
    """The highest confidence, in 1/100, below which at most a twentieth of what is inside a class lies."""
    return float(np.floor(np.quantile(confidence[inside], 0.05) * 100) / 100)
