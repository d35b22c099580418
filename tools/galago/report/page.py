# SPDX-License-Identifier: MIT
"""Renders report.html: one file without links or scripts, with its pictures embedded as data.

html = page(figures, evaluation)        # `figures` is report.json; `evaluation` has the thumbnails' pixels
"""

import base64
import io
from html import escape
from typing import Any

from PIL import Image

from galago.report import charts
from galago.report.findings import EvaluationSet

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2563eb; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0 } h2 { margin-top: 2.4rem; border-bottom: 1px solid var(--line) }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0 }
.tile { background: var(--soft); border-radius: .5rem; padding: .6rem 1rem; min-width: 8rem }
.tile b { display: block; font-size: 1.6rem } .tile small { opacity: .75 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem }
svg { width: 100%; font-size: 11px } svg text { fill: currentColor; opacity: .75 }
.grid { stroke: var(--line) } .ideal { stroke: currentColor; stroke-dasharray: 4; opacity: .5 }
.legend span { margin-right: 1rem } .legend svg { width: .8em; height: .8em; margin-right: .3em }
table { border-collapse: collapse; margin: .8rem 0 } th, td { padding: .2rem .6rem; text-align: right }
th { font-weight: 600 } td:first-child, th:first-child { text-align: left }
tbody tr { border-top: 1px solid var(--line) }
.confusion td, .confusion th { text-align: center; padding: .25rem .4rem; font-size: 12px }
.confusion .turned { writing-mode: vertical-rl; transform: rotate(180deg); font-weight: 400 }
.confusion th:first-child { text-align: right; font-weight: 400 }
.scroll { overflow-x: auto }
.mistakes { display: flex; flex-wrap: wrap; gap: .8rem } figure { margin: 0; width: 8.5rem; font-size: 12px }
figure img { width: 100%; image-rendering: pixelated; border-radius: .3rem }
figcaption { line-height: 1.3; overflow-wrap: anywhere }
.note { opacity: .75 }
"""


def page(table: dict[str, Any], evaluation: EvaluationSet | None) -> str:
    """Returns the page for the result of `findings.as_dict`; without `evaluation` it has no thumbnails."""
    height, width, _ = table["input"]
    kind = " ".join(str(table[key]) for key in ("architecture", "alpha") if table[key])
    sections = [
        f"<h1>{escape(table['model'])}</h1>",
        f"<p class=note>{escape(kind)}, {width} x {height} pixels, {len(table['labels'])} classes</p>",
        _tiles(table),
        _curves(table["history"]),
        _quantization(table["quantization"]),
        _calibration(table),
        _classes(table),
        _confusion(table),
        _mistakes(table, evaluation),
        _boards(table),
        _skipped(table["skipped"]),
    ]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(table['model'])}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _tiles(table: dict[str, Any]) -> str:
    tiles = []
    for key, title in (("int8", "int8, as on a board"), ("float", "float, before quantization")):
        score = table[key]
        if not score:
            continue
        low, high = score["interval"]
        tiles.append(
            (
                f"{score['accuracy']:.1%}",
                title,
                f"{score['right']} of {score['photos']}, {low:.1%} to {high:.1%}",
            )
        )
    size = table["size"]
    tiles += [
        (
            f"{size['bytes'] / 1000:,.0f} kB",
            "model file",
            f"{size['macs'] / 1e6:,.1f} million MACs",
        ),
        (f"{size['arena_bytes'] / 1000:,.0f} kB", "memory while it runs", "arena of the built-in engine"),
    ]
    boxes = "".join(f"<div class=tile><b>{b}</b>{t}<br><small>{s}</small></div>" for b, t, s in tiles)
    same = table["same_answer"]
    agreement = (
        f" float and int8 give the same answer for {same:.1%} of these photos." if table["float"] else ""
    )
    return (
        f"<div class=tiles>{boxes}</div><p class=note>Measured on {escape(table['exam'])}; "
        f"the intervals are 95 % confidence intervals.{agreement}</p>"
    )


def _curves(history: list[dict[str, Any]]) -> str:
    if not history:
        return ""
    rows = list(enumerate(history, 1))
    loss = {
        "training": [(i, row["loss"]) for i, row in rows],
        "validation": [(i, row["validation_loss"]) for i, row in rows],
    }
    top = max(max(y for _, y in points) for points in loss.values())
    accuracy = {"validation accuracy": [(i, row["validation_accuracy"]) for i, row in rows]}
    used = next((i for i, row in reversed(rows) if row.get("used")), None)
    note = f"The weights of epoch {used} are used (dashed line). " if used else ""
    floor = min(y for _, y in accuracy["validation accuracy"])
    left = charts.lines(loss, "epoch", 0, top, marked=used)
    right = charts.lines(accuracy, "epoch", max(0.0, floor - 0.1), 1, percent=True, marked=used)
    return (
        "<h2>Training</h2><div class=pair>"
        f"<div>{left}</div><div>{right}</div></div>"
        f"<p class=note>{note}The training loss is measured on augmented photos and smoothed labels: it "
        "cannot be compared with the validation loss.</p>"
    )


def _quantization(figures: dict[str, Any]) -> str:
    if not figures:
        return ""
    tuned = figures["tuned"]
    rows = [f"<tr><td>float<td>{figures['float']:.1%}<td>-"]
    for title, row in (("int8", figures["int8"]), ("int8, fine-tuned", tuned)):
        if row:
            rows.append(f"<tr><td>{title}<td>{row['accuracy']:.1%}<td>{row['moved']:.1%}")
    outcome = "int8 loses too little for fine-tuning to be worthwhile."
    if tuned:
        outcome = "int8 lost too much and was fine-tuned to answer as float does. "
        outcome += "The result is used." if tuned["kept"] else "The result was no better and is not used."
    return (
        "<h2>Quantization</h2><table><thead><tr><th>on the validation photos<th>right<th>moved"
        f"<tbody>{''.join(rows)}</table><p class=note>Moved: the mean share of its probability that int8 "
        f"puts on other classes than float does. {outcome}</p>"
    )


def _calibration(table: dict[str, Any]) -> str:
    calibration = table["calibration"]
    before = {"float, before its confidence was calibrated": calibration["before"]}
    chart = charts.reliability(
        (before if calibration["before"] else {}) | {"int8, calibrated": calibration["after"]}
    )
    outsiders = any(outside is not None for *_, outside in table["thresholds"])
    rows = "".join(
        f"<tr><td>{t:.2f}{' ◂' if abs(t - table['unknown_below']) < 0.025 else ''}<td>{answered:.1%}"
        f"<td>{_share(right)}" + (f"<td>{_share(outside)}" if outsiders else "")
        for t, answered, right, outside in table["thresholds"]
    )
    return (
        "<h2>Confidence</h2><div class=pair><div>"
        f"{chart}<p class=note>On the validation photos. Temperature {calibration['temperature']:.2f}. "
        "On the diagonal, 80 % of the answers given with 80 % confidence are right.</p></div>"
        f"<div><p>Below <b>{table['unknown_below']:.2f}</b> the board answers <i>unknown</i>: 95 % of "
        "the validation photos reach this threshold. Other thresholds:</p>"
        "<div class=scroll><table><thead><tr><th>threshold<th>answered<th>of these right"
        f"{'<th>photos of no class answered' if outsiders else ''}<tbody>"
        f"{rows}</table></div></div></div>"
    )


def _classes(table: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(row['label'])}<td>{row['photos']}<td>{_share(row['recall'])}<td>{_share(row['precision'])}"
        for row in table["classes"]
    )
    return (
        "<h2>Classes</h2><p class=note>int8. Recall: the share of a class's photos that were recognized. "
        "Precision: the share of the answers with this class that were right.</p>"
        f"<table><thead><tr><th>class<th>photos<th>recall<th>precision<tbody>{rows}</table>"
    )


def _confusion(table: dict[str, Any]) -> str:
    labels = [escape(label) for label in table["labels"]]
    head = "".join(f"<th><span class=turned>{label}</span>" for label in labels)
    rows = []
    for i, (label, row) in enumerate(zip(labels, table["confusion"], strict=True)):
        total = sum(row) or 1
        cells = "".join(
            f'<td style="background:rgb({"37 99 235" if i == j else "217 60 6"} / {count / total:.2f})" '
            f'title="{label} taken for {labels[j]}: {count}">{count or ""}'
            for j, count in enumerate(row)
        )
        rows.append(f"<tr><th>{label}{cells}")
    return (
        "<h2>Confusion</h2><p class=note>Rows are the right classes, columns the answers of int8.</p>"
        f"<div class=scroll><table class=confusion><thead><tr><th>{head}<tbody>{''.join(rows)}</table></div>"
    )


def _mistakes(table: dict[str, Any], evaluation: EvaluationSet | None) -> str:
    if not table["mistakes"]:
        return "<h2>Mistakes</h2><p>None.</p>"
    figures = "".join(
        f"<figure>{_thumbnail(evaluation.pixels[row['position']]) if evaluation else ''}"
        f"<figcaption>{escape(row['is'])}, taken for <b>{escape(row['said'])}</b> "
        f"({row['confidence']:.0%})<br><span class=note>{escape(row['photo'])}</span></figcaption></figure>"
        for row in table["mistakes"]
    )
    note = "<p class=note>The photos are shown as the model sees them.</p>" if evaluation else ""
    return f"<h2>The most confident mistakes</h2>{note}<div class=mistakes>{figures}</div>"


def _boards(table: dict[str, Any]) -> str:
    rows = []
    for row in table["boards"]:
        if row["seconds"]:
            least, seconds, most = (f"{s * 1000:,.0f}" for s in row["seconds"])
            rows.append(f"<tr><td>{row['board']}<td>{row['weights']}<td>{seconds} ms<td>{least} to {most} ms")
        else:
            rows.append(f"<tr><td>{row['board']}<td colspan=3>does not fit: {escape(row['problem'])}")
    return (
        "<h2>Boards</h2><p class=note>Estimates from counted instructions, not measurements; "
        "<code>galago fit</code> estimates other boards.</p><table><thead><tr><th>board<th>weights"
        f"<th>per picture<th>range<tbody>{''.join(rows)}</table>"
    )


def _skipped(lines: list[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}" for line in lines)
    return f"<h2>Pictures that could not be read</h2><ul>{items}</ul>"


def _thumbnail(pixels: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}">'


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
