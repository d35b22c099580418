# SPDX-License-Identifier: MIT
"""A contributor's walk: the commands of boards/README.md and CONTRIBUTING.md, in a copy of the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("boards", "firmware", "models", "tools", "tests/conftest.py", "tests/support", "tests/test_boards.py")
"""What the board's walk needs; with the documentation and all tests, copying would take longer."""

FIGURES_OF_MY_BOARD = {
    "Raspberry Pi Pico 2": "My board",
    "Raspberry Pi Pico2 with": "My board with",
    "ports/rp2/boards/RPI_PICO2/": "ports/rp2/boards/MY_BOARD/",
}
"""Text of the Pico 2's file that the test finds left over, and what a contributor writes."""


def commands(page: str) -> list[str]:
    """Returns the lines of a page's `sh` blocks."""
    blocks = re.findall(r"```sh\n(.+?)```", (ROOT / page).read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the environment of this one."""
    tree = tmp_path_factory.mktemp("tree")
    for name in TOPS:
        ignored = shutil.ignore_patterns("__pycache__", "*.html", "*.keras")
        (tree / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tree / name)
    shutil.copy(ROOT / "pyproject.toml", tree)
    Image.new("RGB", (120, 100), (200, 30, 10)).save(tree / "cat.jpg")
    return tree


def follow(command: str, tree: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command as printed; programs of .venv are those of the running interpreter."""
    program, *arguments = shlex.split(command)
    if program.startswith(".venv/bin/"):
        arguments = [sys.executable, "-m", program.removeprefix(".venv/bin/"), *arguments]
    else:
        arguments = [program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree / "tools")}
    return subprocess.run(
        arguments, cwd=tree, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
def test_a_copied_file_becomes_a_board(tree: Path) -> None:
    copy, check, *uses = commands("boards/README.md")
    assert follow(copy, tree).returncode == 0
    file = tree / "boards" / "MY_BOARD.toml"
    failed = follow(check, tree)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "boards/MY_BOARD.toml: name is that of RPI_PICO2" in failed.stdout
    text = file.read_text()
    for left_over, figure in FIGURES_OF_MY_BOARD.items():
        assert left_over in text
        text = text.replace(left_over, figure)
    file.write_text(text)
    for command in (check, *uses):
        done = follow(command, tree)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert re.search("passed|My board|MY_BOARD|cat.jpg", done.stdout), command


def test_the_targets_of_make_exist_and_pre_commit_runs_what_they_run() -> None:
    """CI runs the targets themselves."""
    targets = [line.split()[1] for line in commands("CONTRIBUTING.md") if line.startswith("make ")]
    assert "check" in targets
    done = subprocess.run(
        ["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert len(hooks) == 3
    for hook in hooks:
        assert hook.removesuffix(" --fix") in done.stdout, hook
