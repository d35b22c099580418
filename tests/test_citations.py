# SPDX-License-Identifier: MIT
"""What documentation and docstrings cite exists: paths, links, dotted names of modules, make targets.

Sources are parsed, never imported, so device code is checked like the rest.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "galago": ROOT / "tools" / "galago",
    "docgen": ROOT / "tools" / "docgen",
    "mobilenet": ROOT / "firmware" / "mobilenet",
    "support": ROOT / "tests" / "support",
}
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [ROOT / "boards" / "README.md", ROOT / "examples" / "README.md"]
SOURCES = [path for top in ("tools", "firmware", "tests") for path in sorted((ROOT / top).rglob("*.py"))]

_URL = re.compile(r"\w+://\S+")
_BEFORE, _AFTER = r"(?<![\w./~<>{}$*…-])", r"(?![\w*<{…-]|\.\w)"
# docs/errors.md, kernels/proof.py: a relative path. Data files are checked only below folders of the
# repository, because my-model/model.json is the reader's.
_FILE = re.compile(
    rf"{_BEFORE}(?:\.\./)*(?:(?:[\w-]+/)+[\w.-]+\.(?:py|md)"
    rf"|(?:boards|docs|firmware|tests|tools)/[\w./-]+\.(?:toml|json|html|svg)){_AFTER}"
)
# tests/native/, tools/galago/native: a folder.
_FOLDER = re.compile(rf"{_BEFORE}((?:tools|firmware|tests|docs)/[\w/-]*\w)/?{_AFTER}")
_DOTTED = re.compile(rf"(?<![\w./-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+(?![\w/-])")
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_TARGET = re.compile(r"(?:`|&& |^)make ([a-z][\w-]*)", re.MULTILINE)
_EXTRAS = re.compile(r"pip install (?:-e )?'([\w.]+)\[([\w,]+)\]'")
_FILE_NAMES = {"json", "py", "md", "mpy", "toml", "new", "old", "whl", "log", "csv"}
"""The last word of file names that look like dotted names: galago.json, galago.good.json."""
OTHER_PROJECTS = {"tools/mpy_ld.py", "tools/mpy-tool.py"}
"""Files of MicroPython that docstrings cite."""
READERS = {"boards/MY_BOARD.toml"}
"""Files that the reader of a page creates."""


@cache
def files() -> frozenset[str]:
    """Every file and folder of the repository, from its root, as /tools/galago/errors.py."""
    tops = ("boards", "docs", "examples", "firmware", "models", "tests", "tools")
    found = [path for top in tops for path in (ROOT / top).rglob("*") if "__pycache__" not in path.parts]
    return frozenset(f"/{path.relative_to(ROOT)}" for path in [*found, *ROOT.iterdir()])


def texts(path: Path) -> Iterator[str]:
    """The text of a page, or the docstrings of a source file: also those of attributes."""
    if path.suffix == ".md":
        yield path.read_text(encoding="utf-8")
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def is_cited_file(cited: str, source: Path) -> bool:
    """Whether a path exists, from the root or `source`, or is the end of one: `kernels/proof.py`."""
    if cited in OTHER_PROJECTS | READERS or (source.parent / cited).exists():
        return True
    return any(name.endswith(f"/{cited.removeprefix('../')}") for name in files())


def module(name: str) -> Path | None:
    """The file of a module or package, or None."""
    top, *parts = name.split(".")
    path = PACKAGES[top].joinpath(*parts)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


@cache
def names(path: Path) -> dict[str, ast.AST]:
    """What a module defines at its top, by name; assignments and imports too."""
    found: dict[str, ast.AST] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(node.name, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for leaf in ast.walk(target):
                    if isinstance(leaf, ast.Name | ast.Attribute):
                        found.setdefault(leaf.id if isinstance(leaf, ast.Name) else leaf.attr, node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.Dict):  # the names that a package imports lazily
            found |= {str(key.value): node for key in node.keys if isinstance(key, ast.Constant)}
    return found


def is_defined(dotted: str) -> bool:
    """Whether a dotted name is a module, or something that a module defines, or a member of that."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        path = module(".".join(parts[:count]))
        if path:
            # A member, such as ModelDirectory.open, is looked for among everything that its module names.
            return all(_names_it(path, part) for part in parts[count:])
    return False


def _names_it(path: Path, name: str) -> bool:
    if name in names(path):
        return True
    imports = [node.module or "" for node in names(path).values() if isinstance(node, ast.ImportFrom)]
    origins = [module(origin) for origin in imports if origin.split(".")[0] in PACKAGES]
    return any(name in names(origin) for origin in origins if origin)


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_cited_paths_and_names_exist(path: Path) -> None:
    text = _URL.sub("", "\n".join(texts(path)))
    wrong = [cited for cited in _FILE.findall(text) if not is_cited_file(cited, path)]
    wrong += [cited for cited in _FOLDER.findall(text) if f"/{cited}" not in files()]
    dotted = [name for name in _DOTTED.findall(text) if name.split(".")[-1] not in _FILE_NAMES]
    wrong += [name for name in dotted if not is_defined(name)]
    assert not wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_make_targets_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    wrong = [link for link in _LINK.findall(text) if ":" not in link and not (path.parent / link).exists()]
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong += [f"make {name}" for name in _TARGET.findall(text) if name not in targets]
    assert not wrong


def test_install_commands_work_in_a_clone_and_their_extras_exist() -> None:
    """There is no release yet, so `pip install 'galago[train]'` would fail."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    commands = [ROOT / "tools" / "galago" / "cli", ROOT / "tools" / "galago" / "importer"]
    pages = [*PAGES, *(path for folder in commands for path in folder.glob("*.py"))]
    cited = [found for path in pages for text in texts(path) for found in _EXTRAS.findall(text)]
    assert len(cited) > 4
    assert {package for package, _ in cited} == {"."}
    assert {name for _, names in cited for name in names.split(",")} <= set(extras)


def test_the_checks_see_what_they_are_for() -> None:
    assert is_defined("galago.models.ModelDirectory.open")
    assert is_defined("mobilenet.Classifier")
    assert not is_defined("galago.models.nothing")
    assert not is_defined("galago.nothing")
    here = Path(__file__)
    assert is_cited_file("tests/test_citations.py", here)
    assert is_cited_file("galago/errors.py", here)
    assert not is_cited_file("galago/nothing.py", here)
    assert _FILE.findall("`kernels/proof.py`, /models/x/model.json, boards/<id>.toml") == ["kernels/proof.py"]
    assert _FOLDER.findall("docs/, tests/native/, docs/first-class.md, tools/galago.") == [
        "tests/native",
        "tools/galago",
    ]
    assert _DOTTED.findall("galago.models.find(name), ./galago.py") == ["galago.models.find"]
