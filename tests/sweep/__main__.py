# SPDX-License-Identifier: MIT
"""Sweeps on Ray clusters of one, two and three nodes of this computer; another one loses a node.

    python tests/sweep docs/sweep.md        # make sweep-cluster

Trainings are pretended (pretended_training.py): they wait instead of computing, since all nodes share the
cores of one computer. So what is measured is everything else: Ray, the photos and checkpoints on their way,
the sweep. Workers are told of another folder of photos, so that they have to get them from the object store.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from docgen.table import table
from galago import boards
from galago.sweep import Cluster, Folder, PhotoSet, Plan, Search, Space, Sweep, Trial, results

BOARD, LIMIT, TRIALS, EPOCHS, EPOCH_SECONDS = "RPI_PICO2", 12.0, 6, 3, 3.0
PROGRAM = (str(Path(__file__).with_name("pretended_training.py")),)
MARK = re.compile(r"(?<=<!-- nodes -->\n).*(?=<!-- end of nodes -->)", re.DOTALL)


class _Show:
    """Prints lines; calls a function at each update."""

    def __init__(self, watch: Callable[[list[Trial]], None]) -> None:
        self._watch, self.lost = watch, 0

    def say(self, text: str) -> None:
        self.lost += "its worker was lost" in text
        print(text, flush=True)

    def update(self, trials: list[Trial], seconds_left: float) -> None:
        self._watch(trials)


def main(page: Path) -> None:
    """Measures, and writes the part of the page between its marks."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "GALAGO_PRETENDED_EPOCH": str(EPOCH_SECONDS)}
    rows, fronts = [], []
    for nodes in (1, 2, 3):
        seconds, front, _ = _sweep(nodes, kill=False)
        rows.append((nodes, TRIALS * 3600 / seconds))
        fronts.append(front)
    seconds, front, lost = _sweep(3, kill=True)
    same = "the same front" if all(each == front for each in fronts) else "ANOTHER FRONT"
    text = table(
        ("nodes", "trials per hour", "times one node"),
        [(n, f"{rate:.0f}", f"{rate / rows[0][1]:.2f}") for n, rate in rows],
        right=(0, 1, 2),
    )
    text += (
        f"\nOne of three nodes was killed while it ran: {lost} of {TRIALS} trials lost their worker and went "
        f"on after their last epoch, and the sweep ended with {same} after {seconds:.0f} s.\n"
    )
    print(text)
    page.write_text(MARK.sub(lambda _: text, page.read_text(encoding="utf-8")), encoding="utf-8")


def _sweep(count: int, kill: bool) -> tuple[float, list[str], int]:
    """Runs a sweep; returns its seconds, the names on its front, and how many workers were lost."""
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    workers = [nodes.add_node(num_cpus=1) for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="galago-") as name:
        photos = _photos(Path(name))
        labels = sorted(path.name for path in photos.iterdir())
        search = Search(Space([boards.load(BOARD)], labels, {BOARD: LIMIT}), 1)
        plan = Plan(str(photos), [BOARD], {BOARD: LIMIT}, 1, EPOCHS, "", True)
        folder = Folder.create(Path(name, "sweep"), plan)

        def watch(trials: list[Trial]) -> None:
            # All nodes are in the middle of a training by then.
            if kill and len(workers) == count and any(1 < len(each.epochs) < EPOCHS for each in trials):
                nodes.remove_node(workers.pop(), allow_graceful=False)

        show = _Show(watch)
        try:
            with Cluster(nodes.address, PhotoSet.of(photos), None) as cluster:
                cluster.photos = replace(cluster.photos, folder=Path("/not/on/this/node"))
                start = time.monotonic()
                Sweep(folder, search, cluster, show, PROGRAM).run(3600, TRIALS)
                seconds = time.monotonic() - start
        finally:
            nodes.shutdown()
        table: dict[str, Any] = results.of_folder(folder)
        assert all(trial.state in ("finished", "stopped") for trial in folder.trials)
        return seconds, table["boards"][0]["front"], show.lost


def _photos(folder: Path) -> Path:
    for colour in ("blue", "red"):
        (folder / "photos" / colour).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (64, 64), colour).save(folder / "photos" / colour / f"{number}.png")
    return folder / "photos"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
