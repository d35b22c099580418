# SPDX-License-Identifier: MIT
"""A short form of `make attack`: some attempts of the quick kinds, and what counts as a failure."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from attack import commands, files, soak
from attack.kind import Kind, refusal
from docgen import attacks
from galago.errors import GalagoError

TESTS = Path(__file__).resolve().parents[1]
QUICK = [files.contracts, files.configs, files.hand_written, files.foreign_models, files.signatures]


@pytest.mark.parametrize("kind", [*QUICK, commands.terminals], ids=lambda kind: kind.__name__)
def test_some_attempts(kind: Kind, tmp_path: Path) -> None:
    assert kind.__doc__
    with kind(tmp_path) as attack:
        for number in range(10):
            attack.attempt(Random(f"test {number}"))


@pytest.mark.slow
def test_an_hour_of_main_py(tmp_path: Path) -> None:
    """Pictures are 60 simulated seconds apart."""
    with soak.day(tmp_path) as attack:
        assert (attack.attempt(Random(3)) or 0) >= 50
        figures = attack.figures()
    assert float(figures["simulated hours"]) >= 0.5


BROKEN = """
import os, sys
from contextlib import contextmanager
sys.path.insert(0, {tests!r})
from attack import __main__ as program
from attack.kind import Attack

@contextmanager
def broken(folder):
    'Fails in one way after the other'
    ways = [lambda: None, lambda: {{}}[1], os.abort]
    yield Attack(lambda dice: dice.choice(ways)())

program.KINDS.clear()
program.KINDS["broken"] = broken, 1
sys.exit(program.main())
"""


def test_exceptions_and_crashes_are_failures(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BROKEN.format(tests=str(TESTS)))
    done = subprocess.run(
        [sys.executable, script, "--seconds", "600", "--seed", "17", "--count", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "KeyError: 1" in done.stdout
    assert "ended with -6" in done.stdout


def test_what_may_end_work() -> None:
    def fail(message: str) -> None:
        raise GalagoError("usage", message)

    assert refusal(lambda: None) == "ok"
    assert refusal(lambda: fail("one line")) == "usage"
    with pytest.raises(ValueError, match="a message of"):
        refusal(lambda: fail("x" * 2000))
    with pytest.raises(ZeroDivisionError):
        refusal(lambda: 1 / 0)


def test_the_page_keeps_its_other_part() -> None:
    page = attacks.replaced("# Page\n", "\nnew\n")
    assert attacks.replaced(page, "\nnewer\n") == page.replace("new", "newer")
    assert page == "# Page\n" + attacks.kept(page)
    assert attacks.kept("# Page\n") == ""
