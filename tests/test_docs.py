# SPDX-License-Identifier: MIT
"""The documentation site: its command pages say what --help says, its pages load nothing from elsewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docgen import docstrings, supported, verbs
from galago import cli
from support.requirements import extra_module

ROOT = Path(__file__).resolve().parents[1]
PAGES = verbs.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_command_page_has_every_option_of_its_help(name: str) -> None:
    done = CliRunner().invoke(cli.app, [*name.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0
    in_help = set(re.findall(r"^ *(?:-\w, )?(--[a-z][\w-]*)", done.output, re.MULTILINE)) - {"--help"}
    on_page = set(re.findall(r"^\| `(--[a-z][\w-]*)", PAGES[name], re.MULTILINE))
    assert on_page == in_help


def test_the_page_of_what_is_supported_names_every_operator() -> None:
    operators = (ROOT / "firmware" / "mobilenet" / "tflite" / "operators").glob("[a-z]*.py")
    assert set(re.findall(r"^\| `([A-Z0-9_]+)` \| \w", supported.page(), re.MULTILINE)) == {
        path.stem.upper() for path in operators
    }


def test_docstrings_become_markdown() -> None:
    code = 'net = Classifier("x")\nnet.close()'
    entries = "name     what it is\nother    a meaning\n         of two lines"
    title, code, table = docstrings.markdown(f"Classifies.\n\n{code}\n\n{entries}").split("\n\n")
    assert title == "Classifies."
    assert code == '```python\nnet = Classifier("x")\nnet.close()\n```'
    assert table.splitlines()[2:] == ["| `name` | what it is |", "| `other` | a meaning of two lines |"]


def test_the_site_and_the_package_name_one_repository() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    assert f"repo_url: {urls['Repository']}\n" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    extra_module("mkdocs", extra="docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    loaded = (
        r"<(script|img|iframe)[^>]*\ssrc=\W?https?:|<link[^>]*rel=\W?(stylesheet|preconnect|icon)[^>]*https?:"
    )
    assert not [page.name for page in pages if re.search(loaded, page.read_text())]
    assert not [path.name for path in tmp_path.rglob("*.svg") if "@font-face" in path.read_text()]
