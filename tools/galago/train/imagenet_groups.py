# SPDX-License-Identifier: MIT
"""Training of classes that are groups of ImageNet's, with few photos: teachers say what they see in each.

    trained = group(recipe, data, work=out / ".training", progress=progress)

A small MobileNet with ImageNet weights is fitted to its size: each photo becomes some views, teachers say
once what they see in each, and the small network learns to say the same. Then its ImageNet
head is merged into the recipe's classes.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from galago import imagenet, lazy_tensorflow
from galago.train import network as networks
from galago.train.checkpoint import Checkpoint
from galago.train.loop import Course, Loop
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, Stage
from galago.train.result import Kept, Trained, log_loss, softmax, threshold_of
from galago.train.views import Views, batches, make_views, to_float

SHARPNESS = np.arange(1, 41) / 2
"""What is tried: a power of two would do, halves are fine enough."""


def group(recipe: GroupRecipe, data: Path, work: Path, progress: Progress) -> Trained:
    """Trains as the recipe says; the photos lie below `data`, the checkpoint in `work`."""
    tensorflow, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    keras.utils.set_random_seed(recipe.seed)
    tensorflow.config.experimental.enable_op_determinism()
    groups = imagenet.groups(recipe.classes)
    student = imagenet_student(recipe)
    views, owners, kept, known = make_views(recipe, data, groups, progress)
    members = np.eye(len(recipe.classes) + 1, dtype=np.float32)[groups][:, :-1]
    inside = known & (kept.labels >= 0)

    def judge() -> dict[str, float]:
        said = student.predict(to_float(kept.pixels[inside]), batch_size=200, verbose=0)
        sums = softmax(said) @ members
        right = sums.argmax(axis=1) == kept.labels[inside]
        return {"loss": log_loss(sums, kept.labels[inside]), "accuracy": float(right.mean())}

    digest = hashlib.sha256(repr(recipe).encode() + views.targets.tobytes()).hexdigest()
    courses = [
        course(student, views, stage, groups, recipe.seed + number)
        for number, stage in enumerate(recipe.stages)
    ]
    history = Loop(student, judge, Checkpoint(work, digest, progress.say), progress).run(courses)
    kernel, bias = widened(student, views, recipe.seed)
    names = list(recipe.classes)
    rows = {names.index(name): count for name, count in recipe.head.rows.items()} | {-1: recipe.head.outside}
    parts = subclasses(kernel, bias, np.concatenate([groups, owners]), rows, recipe.seed)
    return with_classes(student, recipe, parts, kept, views.pixels, history, progress)


def imagenet_student(recipe: GroupRecipe) -> Any:
    """The small network at the recipe's size, ending in 1000 logits: ImageNet's weights, or none of them."""
    keras = lazy_tensorflow.keras()
    body = networks.body(recipe.architecture, recipe.alpha, recipe.size, recipe.trained)
    head = keras.layers.Dense(imagenet.CLASSES, name="imagenet")
    student = keras.Model(body.input, head(body.output), name=recipe.architecture)
    if recipe.trained:
        trained = imagenet.network(recipe.architecture, recipe.alpha, recipe.trained)
        top = next(layer for layer in reversed(trained.layers) if layer.weights)
        kernel, bias = top.get_weights()
        head.set_weights([kernel.reshape(-1, imagenet.CLASSES), bias])
    return student


def course(student: Any, views: Views, stage: Stage, groups: np.ndarray, seed: int) -> Course:
    """A stage of fitting the student to the teachers' answers, and to what they make of the classes."""
    keras = lazy_tensorflow.keras()
    members = keras.ops.one_hot(groups + 1, int(groups.max()) + 2)

    def loss(targets: Any, logits: Any) -> Any:
        fine = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
        said = keras.ops.matmul(keras.ops.softmax(logits), members)
        return fine + stage.classes * keras.losses.categorical_crossentropy(
            keras.ops.matmul(targets, members), said
        )

    def prepare() -> None:
        networks.train_only(student, stage.layers, batch_statistics=True)

    return Course(
        stage.layers,
        student,
        loss,
        lambda epoch: batches(views, stage, [seed, epoch]),
        prepare,
        stage.epochs,
        stage.steps,
        stage.rate,
    )


def widened(student: Any, views: Views, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The head with a row more for each kind: kernel float [features, 1000 + kinds], bias [1000 + kinds].

    Only the new rows are learned: a kind's photos against all of ImageNet, whose logits come in as their
    log-sum-exp, so that nothing else changes.
    """
    keras = lazy_tensorflow.keras()
    head = student.get_layer("imagenet")
    kernel, bias = head.get_weights()
    count = int(views.kinds.max()) + 1
    if not count:
        return kernel, bias
    both = keras.Model(student.input, [student.get_layer("features").output, head.output])
    features, logits = both.predict(to_float(views.pixels), batch_size=200, verbose=0)
    largest = logits.max(axis=1, keepdims=True)
    rest = largest + np.log(np.exp(logits - largest).sum(axis=1, keepdims=True))

    # Anew: how often chance was asked depends on whether the teachers' answers were in the cache.
    keras.utils.set_random_seed(seed)
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
    weights = np.where(views.kinds < 0, 1, number[0] / imagenet.CLASSES / number[1:].sum() / 3)
    model.fit([features, rest], views.kinds + 1, sample_weight=weights, batch_size=256, epochs=30, verbose=0)
    new_kernel, new_bias = rows.get_weights()
    return np.concatenate([kernel, new_kernel], axis=1), np.concatenate([bias, new_bias])


def with_classes(
    student: Any,
    recipe: GroupRecipe,
    head: tuple[np.ndarray, np.ndarray, np.ndarray],
    kept: Kept,
    training: np.ndarray,
    history: list[dict[str, Any]],
    progress: Progress,
) -> Trained:
    """The student with the recipe's classes for a head: subclasses, softmax, their sums, softmax.

    `head` is what `subclasses` gives. The first softmax gives the probability p of each subclass, and
    those outside of every class take their part of it. The last layer sums p over each class and sharpens:
    softmax(s p) keeps the order, is nearly uniform where most of p lies outside, and has the sharpness s that
    suits the validation photos `kept` best.
    """
    keras = lazy_tensorflow.keras()
    kernel, bias, owner = head
    count = len(recipe.classes)
    members = np.eye(count, dtype=np.float32)[owner] * (owner >= 0)[:, None]
    features = student.get_layer("features").output
    inner = keras.layers.Dense(len(owner), activation="softmax", name="subclasses")
    parts = keras.Model(student.input, inner(features))
    inner.set_weights([kernel, bias])
    sums = parts.predict(to_float(kept.pixels), batch_size=200, verbose=0) @ members
    inside, labels = kept.labels >= 0, kept.labels
    sharpness = min(SHARPNESS, key=lambda s: log_loss(softmax(sums[inside] * s), labels[inside]))
    confidence = softmax(sums * sharpness).max(axis=1)
    threshold = threshold_of(confidence, inside)
    right = (sums.argmax(axis=1) == labels)[inside].mean()
    known = confidence >= threshold
    progress.say(
        f"validation: {right:.1%} of {inside.sum()} views right; sharpness {sharpness}; unknown below "
        f"{threshold} keeps {known[inside].mean():.1%} of them and {known[~inside].mean():.1%} of "
        f"{(~inside).sum()} outside"
    )
    outer = keras.layers.Dense(count, use_bias=False, activation="softmax", name="classes")
    network = keras.Model(student.input, outer(inner.output), name=recipe.architecture)
    outer.set_weights([members * sharpness])
    return Trained(
        network,
        list(recipe.classes),
        threshold,
        1 / float(sharpness),
        kept,
        training,
        softmax(sums),
        history,
        [],
    )


def subclasses(
    kernel: np.ndarray, bias: np.ndarray, group: np.ndarray, rows: dict[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merges similar rows of an ImageNet head, so that each class has at most its number of `rows`.

    `kernel` is float [features, n], `bias` [n], `group` the class of each row, int64 [n], -1 outside; a class
    that `rows` does not name keeps all. Rows are merged by k-means; k rows become their mean with log k added
    to the bias, which is right as far as they answer alike. Gives the kernel [features, m], the bias [m], and
    the class of each row, int64 [m], -1 outside.
    """
    from sklearn import cluster as clustering

    kernels, biases, owners = [], [], []
    for owner in range(-1, group.max() + 1):
        own, own_bias = kernel.T[group == owner], bias[group == owner]
        count = min(rows.get(owner, len(own)), len(own))
        cluster = np.arange(len(own))
        if count < len(own):
            means: Any = clustering.KMeans(count, random_state=seed, n_init=4)  # pyright: ignore[reportArgumentType]
            cluster = means.fit_predict(np.concatenate([own, own_bias[:, None]], axis=1))
        for index in range(count):
            members = cluster == index
            kernels.append(own[members].mean(axis=0))
            biases.append(own_bias[members].mean() + np.log(members.sum()))
            owners.append(owner)
    return np.stack(kernels, axis=1), np.array(biases), np.array(owners)
