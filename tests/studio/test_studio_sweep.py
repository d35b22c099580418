# SPDX-License-Identifier: MIT
"""A search for the best models: refused orders, what the page shows, and a model that is taken."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

import pytest

from galago import models
from galago.errors import GalagoError
from galago.studio import sweeps
from galago.studio.job import Job
from galago.studio.reporter import Reporter
from galago.studio.store import read_json, write_json
from galago.studio.tasks import sweep as task
from galago.sweep import worker
from galago.sweep.orders import Epoch, Event, Order
from support.accessibility import AXE, Axe
from support.browser import chromium
from support.requirements import requires
from support.studio import RunningStudio, jpeg
from support.studio_page import studio_page

pytestmark = pytest.mark.slow

BOARD, MODEL = "RPI_PICO2", "flowers-nano-80"
TRAINING = Path(__file__).parents[1] / "sweep" / "pretended_training.py"


class OneByOne:
    """Stands for Ray: a real worker in this process, whose trainings are pretended."""

    slots, nodes, memory = 1, 1, 1e12

    def __init__(self, address: None, photos: Any, test: Any) -> None:
        self.photos, self.test = photos, test
        self._trials: dict[str, Iterator[Event]] = {}

    def __enter__(self) -> "OneByOne":
        return self

    def __exit__(self, *error: object) -> None:
        assert not self._trials

    @property
    def running(self) -> set[str]:
        return set(self._trials)

    def start(self, order: Order, memory: int) -> None:
        self._trials[order.name] = worker.run(replace(order, program=(str(TRAINING),)), bytes, bytes)

    def stop(self, name: str) -> None:
        del self._trials[name]

    def stop_all(self) -> None:
        self._trials.clear()

    def events(self, timeout: float) -> Iterator[tuple[str, Event]]:
        for name, trial in list(self._trials.items()):
            event = next(trial)
            if not isinstance(event, Epoch):
                del self._trials[name]
            yield name, event


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A studio with a search that has ended."""
    folder = tmp_path_factory.mktemp("searched") / "project"
    work = folder / ".galago"
    for label in models.find(MODEL).labels[:2]:
        for place in (folder, work / "frozen" / "f1" / "photos"):
            (place / label).mkdir(parents=True)
            for number in range(4):
                (place / label / f"{label}{number}.jpg").write_bytes(jpeg(number))
    frozen = work / "frozen" / "f1"
    order = {
        "board": BOARD,
        "limits": {BOARD: 10.0},
        "seconds": 1,
        "photos": str(frozen / "photos"),
        "test": None,
        "frozen": str(frozen),
    }
    job = Job.create(work / "jobs", "sweep", "Search for Raspberry Pi Pico 2", order)
    with (job.folder / "lines.jsonl").open("w") as lines, pytest.MonkeyPatch.context() as patch:
        search(job, lines, patch)
    job.finish()
    running = RunningStudio(folder)
    yield running
    running.kill()


def search(job: Job, lines: TextIO, patch: pytest.MonkeyPatch) -> None:
    """Does what the job's process does."""
    patch.setenv("GALAGO_PRETENDED_EPOCH", "0")
    patch.setattr(task, "Cluster", OneByOne)
    result = task.run(read_json(job.folder / "order.json", {}), Reporter(lines))
    write_json(job.folder / "end.json", {"state": "done", "result": result})


def job_of(studio: RunningStudio) -> dict[str, Any]:
    return next(job for job in studio.get("/api/project")["jobs"] if job["kind"] == "sweep")


def test_the_table_is_what_the_sweep_wrote(searched: RunningStudio) -> None:
    job = job_of(searched)
    written = read_json(searched.folder / ".galago" / "jobs" / job["id"] / "sweep" / "results.json", {})
    table = searched.get(f"/api/sweeps/{job['id']}")
    finished = {trial["name"]: trial for trial in written["trials"] if trial["state"] == "finished"}
    assert {trial["name"] for trial in table["trials"]} == set(finished) != set()
    assert job["result"] == {"finished": len(finished)}
    (board,) = written["boards"]
    assert table["advice"] == board["advice"]
    assert [trial["name"] for trial in table["trials"] if trial["recommended"]] == [board["recommended"]]
    for trial in table["trials"]:
        assert trial["accuracy"] == finished[trial["name"]]["result"]["accuracy"]
        assert trial["ms"] == finished[trial["name"]]["costs"][BOARD]["milliseconds"]
    lines = searched.get(f"/api/jobs/{job['id']}")["lines"]
    assert any(line["text"].endswith("right in int8") for line in lines)


def test_bad_orders_are_refused_in_a_line(searched: RunningStudio) -> None:
    def code(**wish: Any) -> str:
        return searched.send("POST", "/api/jobs", wish).code

    job = job_of(searched)["id"]
    assert code(kind="sweep", board=BOARD, minutes=31) == "studio.request"
    assert code(kind="sweep", board=BOARD) == "studio.request"
    assert code(kind="sweep", board="../boards/RPI_PICO2.toml", minutes=30) == "board.unknown"
    assert code(kind="take", sweep=job, trial="../../order") == "studio.missing"
    assert code(kind="take", sweep="j0", trial="001") == "studio.missing"
    assert searched.send("POST", f"/api/jobs/{job}/pause").code == "studio.request"
    assert searched.send("GET", "/api/sweeps/j0").code == "studio.missing"
    assert searched.send("GET", "/api/sweeps/j0/picture").code == "studio.missing"


def test_without_ray_the_order_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "find_spec", lambda name: None)
    with pytest.raises(GalagoError, match=r"pip install .*\[sweep\]") as caught:
        sweeps.sweep(cast("Any", None), {"kind": "sweep", "board": BOARD, "minutes": 30})
    assert caught.value.code == "config.missing"


@requires("chromium", debian="chromium")
def test_a_model_is_taken_on_the_page(searched: RunningStudio, tmp_path: Path) -> None:
    with chromium(tmp_path, []) as browser, studio_page(browser, searched.address, width=390) as page:
        page.goto(f"{searched.address.split('?')[0]}#train")
        page.get_by_role("button", name="Search").first.click()
        page.get_by_text("is recommended").first.wait_for()
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", name=f"Models for {BOARD}").wait_for()
        assert not AXE.is_file() or not Axe().findings(page)
        page.get_by_role("button", name="Take ").first.click()
        page.get_by_role("link", name=re.compile(r"Try \d")).wait_for()
    job = job_of(searched)["id"]
    (model,) = searched.get("/api/project")["models"]
    taken = next(row for row in searched.get(f"/api/sweeps/{job}")["trials"] if row["model"] == model["id"])
    assert (model["name"], model["held_out"], model["photos"]) == (MODEL, False, 8)
    again = searched.send("POST", "/api/jobs", {"kind": "take", "sweep": job, "trial": taken["name"]})
    assert again.code == "studio.busy"
