# SPDX-License-Identifier: MIT
"""MkDocs' hook for the documentation site (mkdocs.yml): adds pages, and redirects links that leave docs/.

A page is generated for each command, for each module of the host package, and of what is supported. Model
cards, the README.md of boards and examples, CONTRIBUTING.md and CHANGELOG.md become pages unchanged.
Nothing is written to docs/.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docgen import supported, verbs
from docgen.table import table
from galago import models

ROOT = Path(__file__).resolve().parents[2]
INTERNAL = {"__init__", "__main__", "cli", "keras_internals", "lazy_tensorflow"}
"""Modules of the host package that are no API: the command line, and what wraps TensorFlow."""
_MODULE = "# galago.{name}\n\n::: galago.{name}\n    options: {{show_root_heading: false}}\n"
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the generated pages to the navigation."""
    sections = {name: pages for entry in config.nav or [] for name, pages in entry.items()}
    sections["Commands"] += [{name: _verb_page(name)} for name in verbs.pages()]
    sections["Models"] += [{name: f"models/{name}.md"} for name in models.shipped_names()]
    sections["API"].append({"On the computer: galago": [_module_page(name) for name in _modules()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, and the files that they link to."""
    rows = [(f"[`galago {name}`]({_verb_page(name)[6:]})", text) for name, text in verbs.summaries().items()]
    texts = {_verb_page(name): page for name, page in verbs.pages().items()}
    texts["verbs/index.md"] = "# Commands\n\n" + table(("command", "what it does"), rows)
    texts |= {_module_page(name): _MODULE.format(name=name) for name in _modules()}
    texts["supported.md"] = supported.page()
    texts |= {page: (ROOT / source).read_text(encoding="utf-8") for page, source in _included().items()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for report in ROOT.glob("models/*/report.html"):
        page = f"models/{report.parent.name}-report.html"
        files.append(File.generated(config, page, abs_src_path=str(report)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Points links to files outside docs/ to their page, or to the repository."""
    source = _included().get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def replace(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        if ":" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        at = _site_path(path)
        if at is None:
            return f"{config.repo_url}/blob/main/{path}{anchor}"
        return posixpath.relpath(at, posixpath.dirname(page.file.src_uri) or ".") + anchor

    return _LINK.sub(replace, markdown)


def _site_path(path: str) -> str | None:
    """Returns where a file of the repository is in the site, or None if it is not there."""
    pages = {source: page for page, source in _included().items()}
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if match := re.fullmatch(r"models/([^/]+)/report\.html", path):
        return f"models/{match[1]}-report.html"
    return pages.get(path)


def _included() -> dict[str, str]:
    """Returns the files of the repository that are pages: the page, and the file."""
    pages = {f"models/{name}.md": f"models/{name}/CARD.md" for name in models.shipped_names()}
    pages |= {"boards.md": "boards/README.md", "examples.md": "examples/README.md"}
    return pages | {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}


def _verb_page(name: str) -> str:
    return f"verbs/{name.replace(' ', '-')}.md"


def _module_page(name: str) -> str:
    return f"api/galago/{name}.md"


def _modules() -> list[str]:
    """Returns the modules of the host package that have a page."""
    paths = (ROOT / "tools" / "galago").iterdir()
    return sorted({path.stem for path in paths if path.suffix in ("", ".py")} - INTERNAL - {"__pycache__"})
