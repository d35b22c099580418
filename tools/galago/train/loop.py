# SPDX-License-Identifier: MIT
"""The training loop: stages, early stopping, a checkpoint after each epoch, progress.

    stage = Stage("all", learner, loss, batches, prepare, epochs=40, steps=39, learning_rate=1e-3)
    history = Loop(network, validate, checkpoint, progress).run([stage])

An epoch depends on nothing but its number and the state before it, so that an interrupted training ends with
the same weights as an uninterrupted one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from galago import lazy_tensorflow
from galago.train.checkpoint import Checkpoint, State
from galago.train.progress import Progress

_EMA_MOMENTUM = 0.98  # averages over about fifty steps


@dataclass(frozen=True)
class Stage:
    """One stage of a training: which layers learn what, for how long.

    With `patience`, the stage ends after that many epochs without a lower validation loss, and the weights of
    the best epoch are used; without it, those of the last epoch.
    """

    name: str
    learner: Any
    """The Keras model that is fitted: the network itself, or augmentation and network."""
    loss: Any
    batches: Callable[[int], Any]
    """Returns the keras PyDataset of an epoch."""
    prepare: Callable[[], None]
    """Makes the layers of this stage trainable."""
    epochs: int
    steps: int
    """Batches per epoch."""
    learning_rate: float
    patience: int = 0
    average_weights: bool = False
    """Whether the weights are an exponential moving average over the last steps."""


class Loop:
    """Trains a network in stages.

    `validate` returns the validation figures of the network as it is; "loss" is one of them.
    """

    def __init__(
        self,
        network: Any,
        validate: Callable[[], dict[str, float]],
        checkpoint: Checkpoint,
        progress: Progress,
        title: str = "training",
    ) -> None:
        self._network, self._validate = network, validate
        self._checkpoint, self._progress, self._title = checkpoint, progress, title

    def run(self, stages: list[Stage]) -> list[dict[str, Any]]:
        """Runs all stages, or what the checkpoint leaves of them; returns a row of figures per epoch."""
        state = self._checkpoint.load() or State()
        total = sum(stage.epochs * stage.steps for stage in stages)
        done = sum(stage.epochs * stage.steps for stage in stages[: state.stage])
        if state.history:
            self._set_variables(state.variables)
            self._progress.say(f"resuming after epoch {state.epoch} of stage {state.stage + 1}")
            done += state.epoch * stages[min(state.stage, len(stages) - 1)].steps
        self._progress.begin(self._title, total, done)
        for number in range(state.stage, len(stages)):
            if state.stage != number:
                state = State(stage=number, history=state.history)
            self._fit(stages[number], state)
            self._set_variables(state.best)
            _mark_used(state.history, stages[number].name, state.best_epoch)
            state.stage, state.epoch, state.variables = number + 1, 0, state.best
            state.best, state.best_loss, state.best_epoch, state.optimizer = [], float("inf"), -1, []
            self._checkpoint.save(state)
        return state.history

    def _fit(self, stage: Stage, state: State) -> None:
        keras = lazy_tensorflow.keras()
        stage.prepare()
        if stage.patience and not state.best:  # the weights before the stage may be better than any epoch's
            state.best, state.best_epoch = self._variables(), 0
            state.best_loss = self._validate()["loss"]
        optimizer = _optimizer(stage)
        learner = stage.learner
        learner.compile(optimizer, stage.loss)
        # Otherwise TensorFlow traces the first step twice: once to create the optimizer's variables.
        optimizer.build(learner.trainable_variables)
        if state.optimizer:
            for variable, value in zip(optimizer.variables, state.optimizer, strict=True):
                variable.assign(value)
        step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: self._progress.advance())
        start, begun = time.monotonic(), state.epoch
        while state.epoch < stage.epochs:
            if stage.patience and state.epoch - state.best_epoch > stage.patience:
                best = f"the weights of epoch {state.best_epoch} are used"
                self._progress.say(f"{stage.name}: no improvement for {stage.patience} epochs, {best}")
                self._progress.advance((stage.epochs - state.epoch) * stage.steps)
                break
            batches = stage.batches(state.epoch)
            fitted = learner.fit(batches, epochs=1, verbose=0, callbacks=[step], shuffle=False)
            state.optimizer = [variable.numpy() for variable in optimizer.variables]
            line = self._end_epoch(stage, state, float(fitted.history["loss"][0]))
            self._checkpoint.save(state)  # before it is reported: what the user has seen is saved
            if "validation_accuracy" in state.history[-1]:  # fine-tuning for int8 measures something else
                self._progress.epoch(state.history[-1], stage.epochs)
            each = (time.monotonic() - start) / (state.epoch - begun)
            self._progress.say(f"{line}; {_duration((stage.epochs - state.epoch) * each)} left at most")

    def _end_epoch(self, stage: Stage, state: State, loss: float) -> str:
        """Records an epoch's figures, and its weights if they are the best so far; returns a line on it."""
        figures = self._validate()
        state.epoch += 1
        state.variables = self._variables()
        if figures["loss"] < state.best_loss or not stage.patience:
            state.best, state.best_loss, state.best_epoch = state.variables, figures["loss"], state.epoch
        row = {"stage": stage.name, "epoch": state.epoch, "loss": loss}
        state.history.append(row | {f"validation_{key}": value for key, value in figures.items()})
        text = ", ".join(
            f"{key} {value:.3f}" if key == "loss" else f"{key} {value:.1%}" for key, value in figures.items()
        )
        return f"{stage.name}, epoch {state.epoch} of {stage.epochs}: loss {loss:.3f}; validation {text}"

    def _variables(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._network.variables]

    def _set_variables(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._network.variables, values, strict=True):
            variable.assign(value)


def _mark_used(history: list[dict[str, Any]], stage: str, epoch: int) -> None:
    """Marks the epoch of a stage whose weights are used, for the report."""
    for row in history:
        if row["stage"] == stage and row["epoch"] == epoch:
            row["used"] = True


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _optimizer(stage: Stage) -> Any:
    """Returns AdamW with a warm-up of a tenth of the steps, but at most an epoch, and cosine decay."""
    keras = lazy_tensorflow.keras()
    steps = stage.epochs * stage.steps
    warmup = max(1, min(stage.steps, steps // 10))
    learning_rate = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate / 20,
        max(1, steps - warmup),
        warmup_target=stage.learning_rate,
        warmup_steps=warmup,
    )
    return keras.optimizers.AdamW(
        learning_rate, weight_decay=1e-4, use_ema=stage.average_weights, ema_momentum=_EMA_MOMENTUM
    )
