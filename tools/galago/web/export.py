# SPDX-License-Identifier: MIT
"""Puts a model and all that runs it into one file.

    page(model)             # HTML that needs nothing else: opened from disk, or served by anything
    script(model)           # an ES module: `const net = await load(); await net.classify(image)`
    TYPES                   # its types, for TypeScript

The page may load nothing: its Content-Security-Policy names the hashes of its own style and script.
"""

import base64
import hashlib
import json
import re
from html import escape
from pathlib import Path
from string import Template

from galago.models import ModelDirectory
from galago.web import card, icon, js_folder, program

# In the order of their imports; what a page needs besides.
_MODULES = ("memory", "pack", "engine", "resize", "jpeg", "picture", "classifier")
_PAGE = ("sobel", "maps", "filter", "inside", "share", "camera", "page")
_APP = '<link rel="manifest" href="{}">\n<link rel="apple-touch-icon" href="icon-192.png">\n'
_CARD = "CARD.md"
_LISTED = 100  # classes
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
# Comments, empty lines and indentation.
_UNREAD = re.compile(r"^\s*(//.*|/\*\*.*\*/)?\n|^\s+| +// .*$", re.MULTILINE)
_UNSEEN = re.compile(r"(?<=[{};:,])\s+|\s+(?=})|\s+(?={)")  # what means nothing in a style sheet

TYPES = """export interface Class { label: string; index: number; confidence: number }
export interface Result {
  top: Class[];
  unknown: boolean;
  decodedBy: "board" | "browser";
  ms: { picture: number; network: number };
}
export interface Classifier {
  classify(
    image: Blob | HTMLVideoElement | HTMLImageElement | HTMLCanvasElement | ImageBitmap,
    top?: number,
  ): Promise<Result>;
}
/** The model, ready to run; without `simd` it runs as in browsers that lack it. */
export function load(options?: { simd?: boolean }): Promise<Classifier>;
"""


def page(model: ModelDirectory, manifest: str = "") -> str:
    """The page; as part of an app (app.py), it names its manifest and may load the files beside it.

    Raises GalagoError as `engine.plan` does for a model that boards refuse.
    """
    folder = Path(__file__).with_name("page")
    style = _UNSEEN.sub("", (folder / "style.css").read_text(encoding="utf-8"))
    code = _joined((*_MODULES, *_PAGE))
    own = " 'self'" if manifest else ""
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(code)} 'wasm-unsafe-eval'; "
        f"img-src data: blob:{own}; media-src blob:; base-uri 'none'; form-action 'none'"
        + (f"; manifest-src{own}; worker-src{own}" if manifest else "")
    )
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        policy=policy,
        icon=icon.svg(),
        app=_APP.format(manifest) if manifest else "",
        title=escape(model.name),
        style=style,
        about=_about(model),
        bundle=_json(bundle(model)).replace("<", "\\u003c"),
        script=code,
    )


def script(model: ModelDirectory) -> str:
    """The module. Raises as `page` does."""
    return module(bundle(model))


def module(content: dict[str, object]) -> str:
    """The module with what `bundle` returns."""
    load = "export const load = (options = {}) => Classifier.load(bundle, options);\n"
    return f"{_joined(_MODULES)}\nconst bundle = {_json(content)};\n{load}"


def bundle(model: ModelDirectory) -> dict[str, object]:
    """What js/classifier.js loads."""
    keys = ("name", "input", "output", "labels", "unknown_below")
    contract = {key: model.contract[key] for key in keys if key in model.contract}
    return {"contract": contract, **contents(model.tflite.read_bytes())}


def contents(tflite: bytes) -> dict[str, object]:
    """The part of a bundle that follows from the .tflite."""
    built = program.build(tflite)
    return {
        "program": built.description,
        "kernels": _base64(built.kernels),
        "simd": _base64(built.simd),
        "model": _base64(tflite),
    }


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, separators=(",", ":"))


def _joined(names: tuple[str, ...]) -> str:
    """Modules as one: no two of them have the same name at the top."""
    texts = [(js_folder() / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return _UNREAD.sub("", "".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts))


def _about(model: ModelDirectory) -> str:
    contract, entry = model.contract, model.contract["files"]["tflite"]
    height, width, channels = model.input_shape
    limit = contract.get("unknown_below")
    rows = {
        "name": model.name,
        "network": " ".join(str(contract[key]) for key in ("architecture", "alpha") if contract.get(key)),
        "input": f"{width} x {height} pixels, {'colour' if channels == 3 else 'grey'}",
        "classes": ", ".join(model.labels) if len(model.labels) <= _LISTED else str(len(model.labels)),
        "unknown": f"below {limit:.0%}" if limit else "",
        "work": f"{contract['macs']:,} multiplications and additions for each picture",
        "size": f"{entry['bytes']:,} bytes",
        "SHA-256": entry["sha256"],
    }
    cells = [f"<tr><th>{title}</th><td>{escape(text)}</td></tr>" for title, text in rows.items() if text]
    file = model.path / _CARD
    text = card.html(file.read_text(encoding="utf-8")) if file.is_file() else ""
    return f"<table>{''.join(cells)}</table>{text}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"
