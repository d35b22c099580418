# SPDX-License-Identifier: MIT
"""A sweep on a real Ray, whose trainings are pretended: what is lost, stopped and resumed."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from typer.testing import CliRunner

from galago import boards
from galago.cli import app
from galago.errors import GalagoError
from galago.models import ModelDirectory
from galago.sweep import Cluster, Folder, PhotoSet, Plan, Search, Space, Sweep, Trial, running
from galago.sweep.progress import LiveProgress
from support.requirements import extra_module, missing, requires

extra_module("ray", extra="sweep")

pytestmark = pytest.mark.slow

BOARD, LIMIT, EPOCHS = "RPI_PICO2", 10.0, 3
PROGRAM = (str(Path(__file__).with_name("pretended_training.py")),)


class Lines:
    """What a sweep shows."""

    def __init__(self, interrupt: Callable[[list[Trial]], bool] = lambda trials: False) -> None:
        self.lines: list[str] = []
        self._interrupt = interrupt

    def say(self, text: str) -> None:
        self.lines.append(text)

    def update(self, trials: list[Trial], seconds_left: float) -> None:
        if self._interrupt(trials):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "photos"
    for name in ("blue", "red"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), name).save(folder / name / "1.png")
    return folder


@pytest.fixture(scope="module")
def space() -> Space:
    return Space([boards.load(BOARD)], ["blue", "red"], {BOARD: LIMIT})


@pytest.fixture(scope="module")
def cluster(photos: Path) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:  # two trials at once, whatever this computer has
        patch.setattr("os.sched_getaffinity", lambda _: {0, 1})
        with Cluster(None, PhotoSet.of(photos), None) as cluster:
            yield cluster


@pytest.fixture
def sign(photos: Path) -> Iterator[Callable[[str, str], None]]:
    """Writes a sign of what goes wrong."""

    def write(name: str, content: str) -> None:
        (photos.parent / name).write_text(content, encoding="utf-8")

    yield write
    for file in photos.parent.glob("*.*"):
        file.unlink()


def plan(photos: Path) -> Plan:
    return Plan(str(photos), [BOARD], {BOARD: LIMIT}, 1, EPOCHS, "", True)


def names(space: Space, photos: Path, tmp_path: Path) -> list[str]:
    """The names of the first trials."""
    from galago.sweep.running import short_name

    search = Search(space, 1)
    found = [search.next() for _ in range(4)]
    return [f"{n:03}-{short_name(each.variant)}" for n, each in enumerate(found, 1) if each]


def test_a_killed_training_goes_on_after_its_last_epoch(
    cluster: Cluster, space: Space, photos: Path, tmp_path: Path, sign: Callable[[str, str], None]
) -> None:
    first = names(space, photos, tmp_path)[0]
    sign(f"{first}.kill", "2")
    folder, show = Folder.create(tmp_path / "out", plan(photos)), Lines()
    Sweep(folder, Search(space, 1), cluster, show, PROGRAM).run(600, 4)
    assert any("goes on after epoch 2" in line for line in show.lines), show.lines
    report = json.loads((folder.path / "models" / first / "report.json").read_text())
    epochs = [line.split(" in ") for line in report["quantization"]["epochs"]]
    assert [number for number, _ in epochs] == ["1", "2", "3"]
    assert epochs[0][1] == epochs[1][1] != epochs[2][1]
    _check_results(folder)


def _check_results(folder: Folder) -> None:
    """The front is what no finished trial beats; each model is complete; the page names all of them."""
    table = json.loads((folder.path / "results.json").read_text())
    assert [trial["name"] for trial in table["trials"]] == [trial.name for trial in folder.trials]
    finished = [trial for trial in table["trials"] if trial["state"] == "finished"]
    figures = {
        trial["name"]: (trial["result"]["accuracy"], -trial["costs"][BOARD]["milliseconds"])
        for trial in finished
    }
    (board,) = table["boards"]
    best = max(accuracy for accuracy, _ in figures.values())
    assert all(figures[name][0] == best for name in board["front"])  # the pretended models are equally fast
    assert board["recommended"] in board["front"]
    page = (folder.path / "index.html").read_text()
    for trial in folder.trials:
        assert trial.state in ("finished", "stopped")
        assert trial.name in page
        assert not (folder.path / "trials" / f"{trial.name}.npz").exists()
    for name in figures:
        model = ModelDirectory.open(folder.path / "models" / name)
        assert (model.path / "recipe.toml").read_bytes() == (
            folder.path / "trials" / f"{name}.toml"
        ).read_bytes()
    assert "http" not in page.replace("http-equiv", "")


def test_an_interrupted_sweep_is_resumed(
    cluster: Cluster, space: Space, photos: Path, tmp_path: Path
) -> None:
    folder = Folder.create(tmp_path / "out", plan(photos))
    show = Lines(lambda trials: any(trial.state == "finished" for trial in trials))
    with pytest.raises(KeyboardInterrupt):
        Sweep(folder, Search(space, 1), cluster, show, PROGRAM).run(600, 4)
    assert not cluster.running
    assert json.loads((folder.path / "results.json").read_text())["boards"][0]["recommended"]
    for file in (folder.path / "models").iterdir():
        ModelDirectory.open(file)
    resumed = Folder.open(tmp_path / "out", plan(photos))
    assert [each.as_dict() for each in resumed.trials] == [each.as_dict() for each in folder.trials]
    Sweep(resumed, Search(space, 1), cluster, Lines(), PROGRAM).run(600, 4)
    assert [trial.name for trial in resumed.trials] == names(space, photos, tmp_path)
    _check_results(resumed)


def test_when_the_time_is_over_one_trial_is_finished(
    cluster: Cluster, space: Space, photos: Path, tmp_path: Path
) -> None:
    folder, show = Folder.create(tmp_path / "out", plan(photos)), Lines()
    Sweep(folder, Search(space, 1), cluster, show, PROGRAM).run(0)
    assert [trial.state for trial in folder.trials].count("finished") == 1


def test_when_the_time_is_over_a_trial_without_epochs_left_is_finished(
    cluster: Cluster,
    space: Space,
    photos: Path,
    tmp_path: Path,
    sign: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third, *_ = names(space, photos, tmp_path)
    sign(f"{second}.held", str(2 * EPOCHS))  # its last one: it has twice as many
    sign(f"{third}.held", "0")
    now = 0.0

    def watch(trials: list[Trial]) -> bool:
        nonlocal now
        if now:
            (photos.parent / f"{second}.held").unlink(missing_ok=True)
        known = {trial.name: trial for trial in trials}
        done = second in known and len(known[second].epochs) == 2 * EPOCHS
        if known[first].state == "finished" and done and third in known:
            now = 1000.0
        return False

    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=lambda: now))
    folder = Folder.create(tmp_path / "out", plan(photos))
    Sweep(folder, Search(space, 1), cluster, Lines(watch), PROGRAM).run(600)
    states = {trial.name: trial.state for trial in folder.trials}
    assert states == {first: "finished", second: "finished", third: "running"}  # the last for --resume


def test_a_full_disk_or_missing_weights_are_errors_in_one_line(
    cluster: Cluster, space: Space, photos: Path, tmp_path: Path, sign: Callable[[str, str], None]
) -> None:
    first = names(space, photos, tmp_path)[0]
    sign(f"{first}.error", json.dumps({"code": "disk.full", "message": "/x: no space left: free some"}))
    folder, show = Folder.create(tmp_path / "full", plan(photos)), Lines()
    Sweep(folder, Search(space, 1), cluster, show, PROGRAM).run(600, 2)
    assert [trial.state for trial in folder.trials] == ["failed", "finished"]  # others need less room
    assert sum(line.endswith("/x: no space left: free some") for line in show.lines) == 1
    sign(f"{first}.error", json.dumps({"code": "train.weights", "message": "no weights of 0.25"}))
    folder, show = Folder.create(tmp_path / "weights", plan(photos)), Lines()
    with pytest.raises(GalagoError, match=r"no weights of 0\.25"):
        Sweep(folder, Search(space, 1), cluster, show, PROGRAM).run(600, 1)
    assert any(line.startswith(f"{first} failed: ") for line in show.lines)


@requires("unshare", debian="util-linux")
def test_a_worker_whose_disk_is_full_is_as_good_as_before(photos: Path, tmp_path: Path) -> None:
    extra_module("keras", extra="train")
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        missing("needs user namespaces, to mount a small disk")
    command = [*alone, sys.executable, Path(__file__).with_name("full_disk.py"), photos, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    full, after = map(json.loads, done.stdout.splitlines())
    assert (full["code"], full["left"]) == ("disk.full", 0)
    assert "No space left on device: training keeps 2 MB there, free some space" in full["message"]
    assert after == {"code": "", "message": "", "left": 0}


def test_ctrl_c_prints_the_table_of_what_is_done(
    cluster: Cluster, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: LiveProgress, trials: list[Trial], seconds_left: float) -> None:
        if any(trial.state == "finished" for trial in trials):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LiveProgress, "update", interrupt)
    monkeypatch.setattr("galago.sweep.Cluster", lambda *_: nullcontext(cluster))
    monkeypatch.setattr("galago.sweep.Sweep", partial(Sweep, program=PROGRAM))
    command = ["sweep", str(photos), "--board", BOARD, "--max-ms", str(LIMIT), "--epochs", str(EPOCHS)]
    result = CliRunner().invoke(app, [*command, "--from-scratch", "-o", str(tmp_path / "out")])
    assert result.exit_code
    assert "interrupted; --resume continues" in result.stderr
    (board,) = json.loads((tmp_path / "out" / "results.json").read_text())["boards"]
    assert board["front"]
    assert result.stdout.startswith(board["advice"])
    assert all(name in result.stdout for name in board["front"])


def test_a_program_that_breaks_is_an_error_in_one_line(
    cluster: Cluster, space: Space, photos: Path, tmp_path: Path
) -> None:
    folder = Folder.create(tmp_path / "out", plan(photos))
    with pytest.raises(GalagoError) as caught:
        Sweep(folder, Search(space, 1), cluster, Lines(), ("-c", "raise ValueError('broken')")).run(600)
    assert caught.value.code == "sweep.worker"
    assert "ended unexpectedly: ValueError: broken" in caught.value.message


def test_photos_reach_workers_without_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "worker"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "worker").mkdir()
    here = tmp_path / "photos"
    (here / "a" / "deeper").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(here / "a" / "deeper" / "1.png")
    (here / "a" / "notes.txt").write_text("not a picture")
    sent = PhotoSet.of(here)
    archive = sent.pack()
    assert sent.find() == here
    here.rename(tmp_path / "elsewhere")
    assert sent.find() is None
    unpacked = sent.unpack(archive)
    assert sent.find() == unpacked
    assert [path.name for path in unpacked.rglob("*.*")] == ["1.png"]
    assert sent.unpack(archive) == unpacked  # another worker of the same computer
    assert sys.getsizeof(archive) < 30_000
