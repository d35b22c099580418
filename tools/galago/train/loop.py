# SPDX-License-Identifier: MIT
"""The training loop: stages, early stopping, a checkpoint after each epoch, progress.

    loop = Loop(network, judge, checkpoint, progress)
    history = loop.run([Course("all", learner, loss, batches, epochs=40, steps=39, rate=1e-3, patience=10)])

An epoch depends on nothing but its number and the state before it: a training that was interrupted ends with
the same weights as one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.train.checkpoint import Checkpoint, State
from galago.train.progress import Progress

_AVERAGE = 0.98
"""Momentum of the moving mean: over some fifty steps."""


@dataclass(frozen=True)
class Course:
    """One stage. `batches(epoch)` gives a keras PyDataset, `prepare()` says which layers learn.

    With `patience` it ends after that many epochs without a lower validation loss, and the weights of the
    best epoch are kept; without, those of the last. `averaged` weights are a moving mean of the last steps.
    """

    name: str
    learner: Any  # the Keras model that is fitted; the network, or augmentation and network
    loss: Any
    batches: Callable[[int], Any]
    prepare: Callable[[], None]
    epochs: int
    steps: int
    rate: float
    patience: int = 0
    averaged: bool = False


class Loop:
    """Fits a network by courses, one after the other. `judge` gives its validation figures, with `loss`."""

    def __init__(
        self,
        network: Any,
        judge: Callable[[], dict[str, float]],
        checkpoint: Checkpoint,
        progress: Progress,
        title: str = "training",
    ) -> None:
        self._network, self._judge = network, judge
        self._checkpoint, self._progress, self._title = checkpoint, progress, title

    def run(self, courses: list[Course]) -> list[dict[str, Any]]:
        """Fits all courses, or what is left of them, and gives a row per epoch."""
        state = self._checkpoint.load() or State()
        total = sum(course.epochs * course.steps for course in courses)
        before = sum(course.epochs * course.steps for course in courses[: state.stage])
        if state.history:
            self._assign(state.variables)
            self._progress.say(f"goes on after epoch {state.epoch} of stage {state.stage + 1}")
            before += state.epoch * courses[min(state.stage, len(courses) - 1)].steps
        self._progress.begin(self._title, total, before)
        for number in range(state.stage, len(courses)):
            if state.stage != number:
                state = State(stage=number, history=state.history)
            self._fit(courses[number], state)
            self._assign(state.best)
            state.stage, state.epoch, state.variables = number + 1, 0, state.best
            state.best, state.best_loss, state.best_epoch, state.optimizer = [], float("inf"), -1, []
            self._checkpoint.save(state)
        return state.history

    def _fit(self, course: Course, state: State) -> None:
        keras = lazy_tensorflow.keras()
        course.prepare()
        if course.patience and not state.best:  # no epoch may be better than none
            state.best, state.best_epoch = self._values(), 0
            state.best_loss = self._judge()["loss"]
        steps = course.epochs * course.steps
        warm = max(1, min(course.steps, steps // 10))
        rate = keras.optimizers.schedules.CosineDecay(
            course.rate / 20, max(1, steps - warm), warmup_target=course.rate, warmup_steps=warm
        )
        learner = course.learner
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=1e-4, use_ema=course.averaged, ema_momentum=_AVERAGE
        )
        learner.compile(optimizer, course.loss)
        if state.optimizer:
            optimizer.build(learner.trainable_variables)
            for variable, value in zip(optimizer.variables, state.optimizer, strict=True):
                variable.assign(value)
        step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: self._progress.advance())
        while state.epoch < course.epochs:
            if course.patience and state.epoch - state.best_epoch > course.patience:
                self._progress.say(f"{course.name}: no better for {course.patience} epochs")
                self._progress.advance((course.epochs - state.epoch) * course.steps)
                break
            batches = course.batches(state.epoch)
            fitted = learner.fit(batches, epochs=1, verbose=0, callbacks=[step], shuffle=False)
            state.optimizer = [variable.numpy() for variable in optimizer.variables]
            told = self._note(course, state, float(fitted.history["loss"][0]))
            self._checkpoint.save(state)  # before it is said: what is said is kept
            self._progress.say(told)

    def _note(self, course: Course, state: State, loss: float) -> str:
        """Takes down an epoch: its figures, and its weights if none before were better. Says so in a line."""
        found = self._judge()
        state.epoch += 1
        state.variables = self._values()
        if found["loss"] < state.best_loss or not course.patience:
            state.best, state.best_loss, state.best_epoch = state.variables, found["loss"], state.epoch
        row = {"stage": course.name, "epoch": state.epoch, "loss": loss}
        state.history.append(row | {f"validation_{key}": value for key, value in found.items()})
        shown = ", ".join(
            f"{key} {value:.3f}" if key == "loss" else f"{key} {value:.1%}" for key, value in found.items()
        )
        return f"{course.name}, epoch {state.epoch} of {course.epochs}: loss {loss:.3f}; validation {shown}"

    def _values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._network.variables]

    def _assign(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._network.variables, values, strict=True):
            variable.assign(value)
