# SPDX-License-Identifier: MIT
"""The plan that flashing stores beside a model: used for the files it was made for, and for no others."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from galago import models, runtimes
from galago.models import ModelDirectory
from galago.runtimes import builtin

SCRIPT = """
import builtins, sys
from mobilenet.model import Model
from mobilenet.backends import builtin

seen = set()
imported = __import__
def watched(*arguments):
    module = imported(*arguments)
    seen.update(sys.modules)
    return module
builtins.__import__ = watched

engine = builtin.load(Model(argv[0]))
with open(argv[1], "rb") as file:
    file.readinto(engine.input)
print(list(engine.invoke()))
net = engine._interpreter
facts = [net.input_shape, net.output_shape, net.input_scale, net.output_scale, net.input_zero_point,
         net.output_zero_point, net.arena_bytes, net.macs, net.chains, bytes(net.plan), net.native]
planned = "mobilenet.tflite.loading.planner" in seen
print(hash(repr(facts)), planned, [name for name in sys.modules if "loading" in name])
"""


@pytest.fixture(params=[None, "x64"], ids=["viper", "native"])
def files(request) -> dict[str, tuple[str, bytes]]:
    return builtin.prepared(_model(), request.param)


@pytest.fixture
def run(micropython: Callable[..., str], tmp_path: Path) -> Callable[..., tuple[list[str], list[str]]]:
    """Runs the model with these files besides the .tflite; returns what was logged, and the facts."""
    picture, expected = next(_model().golden())
    (tmp_path / "picture").write_bytes(picture.tobytes())
    folder = tmp_path / "models" / "model"
    folder.mkdir(parents=True)

    def run(
        files: dict[str, tuple[str, bytes]], damaged: dict[str, bytes] | None = None
    ) -> tuple[list[str], list[str]]:
        for name, content in runtimes.board_model(_model(), None, runtimes.Prepared(files=files)).items():
            (folder / name).write_bytes(content)
        for name, content in (damaged or {}).items():
            (folder / name).write_bytes(content)
        *log, scores, facts = micropython(SCRIPT, folder, tmp_path / "picture").splitlines()
        assert json.loads(scores) == expected.tolist()
        facts, planned, left = facts.split(" ", 2)
        assert left == "[]"
        return [line for line in log if line.startswith("plan")], [facts, planned]

    return run


def test_it_gives_the_same_engine_without_planning(run, files):
    log, (stored, planned) = run(files)
    assert (log, planned) == ([], "False")
    log, (made, planned) = run({kind: file for kind, file in files.items() if kind != "plan"})
    assert (log, planned) == ([], "True")
    assert stored == made


def test_a_damaged_plan_is_not_used(run, files):
    data = files["plan"][1]
    (line,), (_, planned) = run(files, {builtin.PLAN: data[:-1] + b"\x55"})
    assert line.startswith("plan: model.plan does not match its CRC-32")
    assert planned == "True"


def test_without_its_machine_code_a_model_has_a_plan_too(run, files):
    if "kernels" in files:
        name, code = files["kernels"]
        log, (_, planned) = run(files, {name: code[:-1]})
        assert (log, planned) == ([], "False")


@pytest.mark.parametrize("what", ["format", "files", "short", "no plan"])
def test_a_plan_for_something_else_is_not_used(run, files, what):
    head, records = files["plan"][1].split(b"\n", 1)
    facts = json.loads(head)
    if what == "format":
        facts["format"] += 1
    elif what == "files":
        facts["files"][1] = "0" * 64
    data = json.dumps(facts).encode() + b"\n" + (records[:-4] if what == "short" else records)
    if what == "no plan":
        data = b"[]"
    (line,), (_, planned) = run(files | {"plan": (builtin.PLAN, data)})
    assert line.endswith("model.plan was made for other files, planning anew")
    assert planned == "True"


def _model() -> ModelDirectory:
    return models.find("everyday-v1-025-96")
