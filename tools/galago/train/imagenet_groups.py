# SPDX-License-Identifier: MIT
"""Training by a GroupRecipe: classes that are groups of ImageNet's, learned from few photos and teachers.

    trained = train_groups(recipe, data, work=out / ".training", progress=progress)

1. A small MobileNet with ImageNet weights (the student) is fitted to its input size, on views of the photos
   whose soft targets are the teachers' predictions.
2. Its ImageNet head gets a row for each kind that ImageNet does not know.
3. The rows of the head are merged into the recipe's classes.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from galago import imagenet, lazy_tensorflow
from galago.tflite.arithmetic import softmax
from galago.train import network as networks
from galago.train.checkpoint import Checkpoint
from galago.train.confidence import log_loss, unknown_threshold
from galago.train.loop import Loop, Stage
from galago.train.pixels import predict
from galago.train.progress import Progress
from galago.train.recipe import GroupRecipe, GroupStage
from galago.train.result import Trained, Validation
from galago.train.views import Views, batches, prepare_views

SHARPNESS = np.arange(1, 41) / 2
"""The candidates for the factor of the class probabilities; steps of a half are fine enough."""


class GroupHead(NamedTuple):
    """A dense layer whose outputs are subclasses: parts of a class, or of everything outside."""

    kernel: np.ndarray
    """float [features, n]."""
    bias: np.ndarray
    """float [n]."""
    classes: np.ndarray
    """The class that each output belongs to, int64 [n], -1 outside."""


def train_groups(recipe: GroupRecipe, data: Path, work: Path, progress: Progress) -> Trained:
    """Trains on the photos below the folder `data`; checkpoints go into the folder `work`.

    Raises dataset.*, train.weights, config.invalid.
    """
    tensorflow, keras = lazy_tensorflow.tensorflow(), lazy_tensorflow.keras()
    keras.utils.set_random_seed(recipe.seed)
    tensorflow.config.experimental.enable_op_determinism()
    groups = imagenet.groups(recipe.classes)
    student = imagenet_student(recipe)
    prepared = prepare_views(recipe, data, groups, progress)
    views, validation = prepared.views, prepared.validation
    members = np.eye(len(recipe.classes) + 1, dtype=np.float32)[groups][:, :-1]
    usable = prepared.from_imagenet & (validation.labels >= 0)

    def validate() -> dict[str, float]:
        logits = predict(student, validation.pixels[usable])
        sums = softmax(logits) @ members
        right = sums.argmax(axis=1) == validation.labels[usable]
        return {"loss": log_loss(sums, validation.labels[usable]), "accuracy": float(right.mean())}

    key = hashlib.sha256(repr(recipe).encode() + views.targets.tobytes()).hexdigest()
    stages = [
        student_stage(student, views, stage, groups, recipe.seed + number)
        for number, stage in enumerate(recipe.stages)
    ]
    history = Loop(student, validate, Checkpoint(work, key, progress.say), progress).run(stages)
    kernel, bias = with_kinds(student, views, recipe.seed)
    names = list(recipe.classes)
    rows = {names.index(name): count for name, count in recipe.head.rows.items()} | {-1: recipe.head.outside}
    wide_head = GroupHead(kernel, bias, np.concatenate([groups, prepared.kind_classes]))
    head = merge_rows(wide_head, rows, recipe.seed)
    return with_classes(student, recipe, head, validation, views.pixels, history, progress)


def imagenet_student(recipe: GroupRecipe) -> Any:
    """Returns the small network at the recipe's size, which ends in ImageNet's 1000 logits.

    ImageNet's own head needs the features of the last block: a shortened network learns its head anew.
    """
    keras = lazy_tensorflow.keras()
    body = networks.body(
        recipe.architecture, recipe.alpha, recipe.size, recipe.pretrained_size, recipe.blocks
    )
    head = keras.layers.Dense(imagenet.CLASSES, name="imagenet")
    student = keras.Model(body.input, head(body.output), name=recipe.architecture)
    if recipe.pretrained_size and not recipe.blocks:
        pretrained = imagenet.network(recipe.architecture, recipe.alpha, recipe.pretrained_size)
        top = next(layer for layer in reversed(pretrained.layers) if layer.weights)
        kernel, bias = top.get_weights()
        head.set_weights([kernel.reshape(-1, imagenet.CLASSES), bias])
    return student


def student_stage(student: Any, views: Views, stage: GroupStage, groups: np.ndarray, seed: int) -> Stage:
    """Returns a stage that fits the student to the soft targets of ImageNet's and of the recipe's classes.

    `groups` is the class of each ImageNet number, int64 [1000], -1 outside.
    """
    keras = lazy_tensorflow.keras()
    members = keras.ops.one_hot(groups + 1, int(groups.max()) + 2)

    def loss(targets: Any, logits: Any) -> Any:
        imagenet_loss = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
        sums = keras.ops.matmul(keras.ops.softmax(logits), members)
        return imagenet_loss + stage.class_loss * keras.losses.categorical_crossentropy(
            keras.ops.matmul(targets, members), sums
        )

    return Stage(
        name=stage.layers,
        learner=student,
        loss=loss,
        batches=lambda epoch: batches(views, stage, [seed, epoch]),
        prepare=lambda: networks.train_only(student, stage.layers, batch_statistics=True),
        epochs=stage.epochs,
        steps=stage.steps,
        learning_rate=stage.learning_rate,
    )


def with_kinds(student: Any, views: Views, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the student's head with one more row per kind: [features, 1000 + kinds] and [1000 + kinds].

    Only the new rows are learned, from a kind's photos against everything in ImageNet. ImageNet's logits
    enter as their log-sum-exp, so that nothing else changes.
    """
    keras = lazy_tensorflow.keras()
    head = student.get_layer("imagenet")
    kernel, bias = head.get_weights()
    count = int(views.kinds.max()) + 1
    if not count:
        return kernel, bias
    both = keras.Model(student.input, [student.get_layer("features").output, head.output])
    features, logits = predict(both, views.pixels)
    largest = logits.max(axis=1, keepdims=True)
    rest = largest + np.log(np.exp(logits - largest).sum(axis=1, keepdims=True))

    # Seeded again, because how many random numbers were drawn depends on whether soft targets were cached.
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(features.shape[1:]), keras.Input((1,))
    rows = keras.layers.Dense(count)
    model = keras.Model(inputs, keras.layers.Concatenate()([inputs[1], rows(inputs[0])]))
    steps = 30 * int(np.ceil(len(features) / 256))
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-2, steps), weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # All kinds together weigh a third of one ImageNet class: with more they would claim too many pictures.
    number = np.bincount(views.kinds + 1)
    weights = np.where(views.kinds < 0, 1, number[0] / imagenet.CLASSES / number[1:].sum() / 3)
    model.fit([features, rest], views.kinds + 1, sample_weight=weights, batch_size=256, epochs=30, verbose=0)
    new_kernel, new_bias = rows.get_weights()
    return np.concatenate([kernel, new_kernel], axis=1), np.concatenate([bias, new_bias])


def with_classes(
    student: Any,
    recipe: GroupRecipe,
    head: GroupHead,
    validation: Validation,
    training_pixels: np.ndarray,
    history: list[dict[str, Any]],
    progress: Progress,
) -> Trained:
    """Replaces the student's head: a dense layer with softmax, sums over each class, and a second softmax.

    The first softmax gives the probability p of each subclass; subclasses outside take their part of it. The
    last layer sums p over each class and applies softmax(s p). That keeps the order, and is nearly uniform
    where most of p lies outside. The sharpness s is the best on the validation photos.
    """
    keras = lazy_tensorflow.keras()
    count = len(recipe.classes)
    members = np.eye(count, dtype=np.float32)[head.classes] * (head.classes >= 0)[:, None]
    features = student.get_layer("features").output
    inner = keras.layers.Dense(len(head.classes), activation="softmax", name="subclasses")
    subclasses = keras.Model(student.input, inner(features))
    inner.set_weights([head.kernel, head.bias])
    sums = predict(subclasses, validation.pixels) @ members
    inside, labels = validation.labels >= 0, validation.labels
    sharpness = min(SHARPNESS, key=lambda s: log_loss(softmax(sums[inside] * s), labels[inside]))
    confidence = softmax(sums * sharpness).max(axis=1)
    threshold = unknown_threshold(confidence, inside)
    right = (sums.argmax(axis=1) == labels)[inside].mean()
    known = confidence >= threshold
    progress.say(
        f"validation: {right:.1%} of {inside.sum()} views right; sharpness {sharpness}; unknown below "
        f"{threshold}, which {known[inside].mean():.1%} of them reach, and {known[~inside].mean():.1%} of "
        f"the {(~inside).sum()} views outside of all classes"
    )
    outer = keras.layers.Dense(count, use_bias=False, activation="softmax", name="classes")
    network = keras.Model(student.input, outer(inner.output), name=recipe.architecture)
    outer.set_weights([members * sharpness])
    return Trained(
        network=network,
        names=list(recipe.classes),
        unknown_below=threshold,
        temperature=1 / float(sharpness),
        validation=validation,
        training_pixels=training_pixels,
        uncalibrated=softmax(sums),
        history=history,
        skipped=[],
    )


def merge_rows(head: GroupHead, rows: dict[int, int], seed: int) -> GroupHead:
    """Merges similar outputs of a head, so that each class has at most its number of `rows`.

    A class that `rows` does not name keeps all. Outputs are merged by k-means: k of them become their mean
    with log k added to the bias, which is exact as far as they are alike.
    """
    from sklearn.cluster import KMeans

    kernels, biases, classes = [], [], []
    for number in range(-1, head.classes.max() + 1):
        kernel, bias = head.kernel.T[head.classes == number], head.bias[head.classes == number]
        count = min(rows.get(number, len(kernel)), len(kernel))
        cluster = np.arange(len(kernel))
        if count < len(kernel):
            means: Any = KMeans(count, random_state=seed, n_init=4)  # pyright: ignore[reportArgumentType]
            cluster = means.fit_predict(np.concatenate([kernel, bias[:, None]], axis=1))
        for index in range(count):
            merged = cluster == index
            kernels.append(kernel[merged].mean(axis=0))
            biases.append(bias[merged].mean() + np.log(merged.sum()))
            classes.append(number)
    return GroupHead(np.stack(kernels, axis=1), np.array(biases), np.array(classes))
