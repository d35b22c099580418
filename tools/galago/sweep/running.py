# SPDX-License-Identifier: MIT
"""Runs a sweep: draws candidates, sends them to workers, stops the worse ones, keeps what comes back.

    with Cluster(address, photos, test) as cluster:
        Sweep(folder, search, cluster, show).run(seconds=7200, most_trials=None)

Whatever ends the sweep, be it the budget, Ctrl-C or a power cut, the folder holds all that was finished, and
the last epoch of what was not.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from galago.errors import GalagoError
from galago.fit.variants import Variant
from galago.sweep import results
from galago.sweep.cluster import Cluster
from galago.sweep.folder import Folder, Trial
from galago.sweep.orders import Epoch, Event, Failed, Finished, Lost, Order
from galago.sweep.search import Halving, Search
from galago.sweep.space import TEACHER, Candidate
from galago.train.choice import TrainingOptions, recipe_for
from galago.train.recipe import PhotoRecipe

MOST_LOSSES = 3
"""How often a trial's worker may be lost before it has finished another epoch."""
MOST_FAILURES = 5
"""How many trials may fail one after the other, before the sweep ends with the error of the last one."""
_POLL = 0.5  # seconds


class Show(Protocol):
    """What a sweep tells while it runs."""

    def say(self, text: str) -> None:
        """Takes a line that stays."""

    def update(self, trials: list[Trial], seconds_left: float) -> None:
        """Takes the state of all trials, once or twice a second."""


class Sweep:
    """A sweep while it runs."""

    def __init__(
        self,
        folder: Folder,
        search: Search,
        cluster: Cluster,
        show: Show,
        program: tuple[str, ...] = Order.program,
    ) -> None:
        self._folder, self._search, self._cluster, self._show = folder, search, cluster, show
        self._program = program
        self._halving: Halving | None = None
        self._failures = 0
        self._error: GalagoError | None = None
        self._again = [trial for trial in folder.trials if trial.state == "running"]
        if folder.trials:
            self._search.skip(max(trial.candidate.draw for trial in folder.trials))
        for trial in folder.trials:
            for number, row in enumerate(trial.epochs, 1):
                self._keeps(trial, number, row["validation_accuracy"])

    def run(self, seconds: float, most_trials: int | None = None) -> None:
        """Runs until the time is over or all candidates are tried.

        Trials that have no epoch left by then are finished; if there are none, and nothing has finished
        before, the trial that is farthest is. Even without time, trials are started for that. Raises the
        error of the last trial that failed, if nothing finishes or several have failed one after the other.
        """
        try:
            self._run(time.monotonic() + seconds, most_trials)
        finally:
            self._cluster.stop_all()
            results.write(self._folder)
        if self._error and not self._has_result():
            raise self._error

    def _run(self, end: float, most_trials: int | None) -> None:
        while True:
            left = end - time.monotonic()
            if left > 0 or not self._folder.trials:
                self._start_more(most_trials)
            else:
                self._stop_unfinished()
            if not self._cluster.running:
                return
            for name, event in self._cluster.events(_POLL):
                self._take(self._trial(name), event)
            self._show.update(self._folder.trials, max(0.0, left))

    def _start_more(self, most_trials: int | None) -> None:
        while len(self._cluster.running) < self._cluster.slots:
            trial = self._again.pop(0) if self._again else self._new(most_trials)
            if trial is None:
                return
            memory = memory_of(trial.candidate.variant)
            if memory > self._cluster.memory:
                self._fail(trial, "sweep.memory", f"no computer has the {memory / 1e9:.1f} GB that it takes")
                continue
            self._cluster.start(self._order(trial), memory)

    def _order(self, trial: Trial) -> Order:
        photos, test = self._cluster.photos, self._cluster.test
        checkpoint, boards = self._folder.checkpoint(trial), tuple(self._search.boards)
        return Order(
            self._folder.key, trial.name, trial.recipe, photos, test, boards, checkpoint, self._program
        )

    def _new(self, most_trials: int | None) -> Trial | None:
        if most_trials is not None and len(self._folder.trials) >= most_trials:
            return None
        candidate = self._search.next()
        if candidate is None:
            return None
        number = len(self._folder.trials) + 1
        name = f"{number:03}-{short_name(candidate.variant)}"
        trial = Trial(number, name, candidate, recipe_of(candidate, name, self._folder))
        self._folder.add(trial)
        return trial

    def _take(self, trial: Trial, event: Event) -> None:
        match event:
            case Epoch(_, row, checkpoint):
                self._failures = trial.losses = 0
                self._folder.keep_checkpoint(trial, checkpoint)
                trial.epochs[row["epoch"] - 1 :] = [row]  # without a checkpoint, it began anew
                if not self._keeps(trial, len(trial.epochs), row["validation_accuracy"]):
                    self._cluster.stop(trial.name)
                    trial.state = "stopped"
                self._folder.save(trial)
            case Finished(_, archive, costs):
                self._failures = 0
                model = self._folder.install(trial, archive)
                trial.result, trial.costs, trial.state = results.of_model(model), costs, "finished"
                self._folder.save(trial)
                results.write(self._folder)
                self._show.say(f"{trial.name}: {trial.result['accuracy']:.1%} right in int8")
            case Lost(node, message):
                self._lose(trial, node, message)
            case Failed(node, code, message):
                self._refuse(trial, node, code, message)

    def _lose(self, trial: Trial, node: str, message: str) -> None:
        trial.losses += 1
        where = f" on {node}" if node else ""
        if trial.losses >= MOST_LOSSES:
            self._fail(trial, "sweep.worker", f"its worker was lost {MOST_LOSSES} times{where}: {message}")
            return
        self._show.say(
            f"{trial.name}: its worker was lost{where} ({message}); goes on after epoch {len(trial.epochs)}"
        )
        self._again.insert(0, trial)

    def _refuse(self, trial: Trial, node: str, code: str, message: str) -> None:
        if code == "train.weights" and trial.recipe.teachers:
            self._search.drop_teachers()
        elif code == "train.weights":
            self._search.drop(trial.recipe.architecture, trial.recipe.alpha)
        if code == "disk.full" and self._cluster.nodes > 1:
            self._lose(trial, node, message)
            return
        self._fail(trial, code, f"{node}: {message}" if node else message)
        if self._error and code.startswith("dataset."):
            raise self._error

    def _fail(self, trial: Trial, code: str, problem: str) -> None:
        trial.state, trial.problem = "failed", problem
        self._error = GalagoError(code, f"{trial.name}: {problem}")
        self._failures += 1
        self._folder.save(trial)
        self._show.say(f"{trial.name} failed: {problem}")
        if self._failures >= MOST_FAILURES:
            raise self._error

    def _keeps(self, trial: Trial, epoch: int, accuracy: float) -> bool:
        if self._halving is None:
            self._halving = Halving(_epochs(trial.recipe) // trial.candidate.settings.longer)
        keeps = self._halving.keeps(trial.number, trial.candidate.costs, epoch, accuracy)
        return keeps or trial.candidate.known

    def _has_result(self) -> bool:
        return any(trial.state == "finished" for trial in self._folder.trials)

    def _stop_unfinished(self) -> None:
        """Stops the trials that have epochs left, but the farthest one if nothing would finish otherwise."""
        running = [trial for trial in self._folder.trials if trial.name in self._cluster.running]
        wanted = [trial for trial in running if len(trial.epochs) == _epochs(trial.recipe)]
        if running and not wanted and not self._has_result():
            wanted = [max(running, key=lambda trial: len(trial.epochs))]
        unwanted = [trial for trial in running if trial not in wanted]
        if wanted and unwanted:
            names = ", ".join(trial.name for trial in wanted)
            self._show.say(f"the time is over: {names} is finished, and then the sweep ends")
        for trial in unwanted:
            self._cluster.stop(trial.name)

    def _trial(self, name: str) -> Trial:
        return next(trial for trial in self._folder.trials if trial.name == name)


def _epochs(recipe: PhotoRecipe) -> int:
    """How many epochs a trial reports: those of the head are not among them."""
    return sum(stage.epochs for stage in recipe.stages if stage.layers != "head")


def recipe_of(candidate: Candidate, name: str, folder: Folder) -> PhotoRecipe:
    """Returns the recipe of `galago train`, with the network and the settings of a candidate."""
    plan, variant, settings = folder.plan, candidate.variant, candidate.settings
    options = TrainingOptions(
        variant.architecture,
        variant.alpha,
        variant.size,
        variant.blocks,
        test=Path(plan.test) if plan.test else None,
        from_scratch=plan.from_scratch,
        epochs=plan.epochs,
        seed=plan.seed,
    )
    recipe = recipe_for(Path(plan.photos), name, options)
    stages = tuple(
        replace(
            stage,
            learning_rate=stage.learning_rate * settings.learning_rate,
            epochs=stage.epochs * settings.longer,
            patience=0 if candidate.known else stage.patience,
        )
        if stage.layers != "head"
        else stage
        for stage in recipe.stages
    )
    teachers = (TEACHER,) if settings.teacher else ()
    augment = replace(recipe.augment, area=(settings.smallest_area, 1.0), mixup=settings.mixup)
    return replace(recipe, stages=stages, augment=augment, teachers=teachers, threads=1)


def short_name(variant: Variant) -> str:
    """Returns a name for files and boards: v1-025-96, or v1-025-b7-80 with seven blocks."""
    blocks = f"-b{variant.blocks}" if variant.blocks else ""
    return f"{variant.architecture[-2:]}-{round(variant.alpha * 100):03}{blocks}-{variant.size}"


def memory_of(variant: Variant) -> int:
    """Returns about how many bytes of memory a training takes: TensorFlow, and a batch's activations."""
    return int(1.5e9 + 8e9 * variant.alpha * (variant.size / 224) ** 2)
