# SPDX-License-Identifier: MIT
"""index.html of a sweep: accuracy over time and memory for each board, in one file without links.

html = page(results.of_folder(folder))

Pointing at a trial, or reaching it by Tab, shows its network, its size and its confusion. A table below has
the main figures for browsers without scripts.
"""

import json
from collections.abc import Sequence
from html import escape
from math import log2
from typing import Any

from galago.report.charts import COLOURS

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 360, 56, 20, 16, 46
_LARGEST, _SMALLEST = 14.0, 4.0  # radius of a point, whose area is the heap

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.4rem; border-bottom: 1px solid var(--line) } .note { opacity: .75 }
svg { width: 100%; font-size: 12px } svg text { fill: currentColor; opacity: .75 }
.grid { stroke: var(--line) } .front { fill: none; stroke-opacity: .4 }
circle { stroke: currentColor; stroke-width: 0 } circle.best { stroke-width: 2 }
circle:hover, circle:focus { stroke-width: 3; outline: none }
.board { display: grid; grid-template-columns: minmax(0, 2fr) minmax(15rem, 1fr); gap: 1rem }
@media (max-width: 50rem) { .board { grid-template-columns: 1fr } }
.detail { background: var(--soft); border-radius: .5rem; padding: .6rem 1rem; overflow: auto }
table { border-collapse: collapse; margin: .6rem 0; font-size: 13px }
th, td { padding: .15rem .5rem; text-align: right; white-space: nowrap }
td:first-child, th:first-child { text-align: left }
tbody tr { border-top: 1px solid var(--line) } .scroll { overflow-x: auto }
"""

_SCRIPT = """
const trials = JSON.parse(document.getElementById("trials").textContent);
function add(parent, tag, text) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}
function show(point) {
  const detail = point.closest(".board").querySelector(".detail");
  const trial = trials[point.dataset.name];
  detail.replaceChildren();
  add(add(detail, "p"), "b", point.dataset.name);
  for (const line of [...trial.lines, point.dataset.cost]) add(detail, "div", line);
  const table = add(detail, "table"), body = add(table, "tbody");
  trial.confusion.forEach((row, index) => {
    const cells = add(body, "tr");
    add(cells, "td", trial.labels[index]);
    for (const count of row) add(cells, "td", count);
  });
}
for (const point of document.querySelectorAll("circle[data-name]"))
  for (const event of ["mouseenter", "focus", "click"]) point.addEventListener(event, () => show(point));
"""


def page(table: dict[str, Any]) -> str:
    """Returns the page for the result of `results.of_folder`."""
    finished = {trial["name"]: trial for trial in table["trials"] if trial["state"] == "finished"}
    data = json.dumps({name: _details(trial) for name, trial in finished.items()}, ensure_ascii=False)
    data = data.replace("<", "\\u003c")  # no text of it can end the script
    others = [trial for trial in table["trials"] if trial["state"] != "finished"]
    boards = "".join(_board(board, list(finished.values())) for board in table["boards"])
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>galago sweep</title><style>{_STYLE}</style></head><body>"
        f"<h1>Models for {escape(', '.join(board['board'] for board in table['boards']))}</h1>"
        f"<p class=note>{len(finished)} of {len(table['trials'])} trials finished. Accuracy is int8's on the "
        "validation photos, by which the sweep chooses; times are estimates of galago fit.</p>"
        f"{boards}{_not_finished(others)}"
        f'<script type="application/json" id=trials>{data}</script>'
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _details(trial: dict[str, Any]) -> dict[str, Any]:
    variant, result, settings = trial["candidate"]["variant"], trial["result"], trial["candidate"]["settings"]
    right, photos = result["int8"]["right"], result["int8"]["photos"]
    blocks = f", {variant['blocks']} blocks" if variant["blocks"] else ""
    return {
        "lines": [
            f"{variant['architecture']} {variant['alpha']:g}, {variant['size']} pixels{blocks}",
            f"{result['accuracy']:.1%} right on the validation photos",
            f"{right} of {photos} right on {result['exam']}",
            f"{result['bytes']:,} bytes, arena {result['arena_bytes']:,}, {result['macs']:,} MACs",
            f"learning rate x {settings['learning_rate']:g}, mixup {settings['mixup']:g}, "
            f"views from {settings['smallest_area']:g} of a photo"
            f"{', with a teacher' * settings['teacher']}"
            f"{', twice the epochs' * (settings['longer'] == 2)}",
        ],
        "labels": result["labels"],
        "confusion": result["confusion"],
    }


def _board(board: dict[str, Any], finished: Sequence[dict[str, Any]]) -> str:
    name = board["board"]
    trials = [trial for trial in finished if name in trial["costs"]]
    title = f"<h2>{escape(name)}</h2><p>{escape(board['advice'])}</p>"
    if not trials:
        return title
    return (
        f"{title}<div class=board>{_picture(board, trials)}<div class=detail><p class=note>Point at a "
        "trial. The larger a circle, the more memory it takes. Filled ones are the front: no other is better "
        f"in accuracy, time and memory.</p></div></div>{_table(board, trials)}"
    )


def _picture(board: dict[str, Any], trials: Sequence[dict[str, Any]]) -> str:
    name = board["board"]
    times = [trial["costs"][name]["milliseconds"] for trial in trials]
    low, high = min(times) / 1.2, max(times) * 1.2
    accuracies = [trial["result"]["accuracy"] for trial in trials]
    bottom = max(0.0, min(accuracies) - 0.05)
    most = max(trial["costs"][name]["heap"] for trial in trials)

    def place(trial: dict[str, Any]) -> tuple[float, float]:
        right = log2(trial["costs"][name]["milliseconds"] / low) / log2(high / low)
        up = (trial["result"]["accuracy"] - bottom) / (1 - bottom or 1)
        return _LEFT + right * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    by_name = {trial["name"]: trial for trial in trials}
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(by_name[one]) for one in board["front"]))
    parts = [_axes(low, high, bottom), f'<polyline class=front points="{path}" stroke="{COLOURS[0]}"/>']
    for trial in sorted(trials, key=lambda each: -each["costs"][name]["heap"]):
        x, y = place(trial)
        radius = max(_SMALLEST, _LARGEST * (trial["costs"][name]["heap"] / most) ** 0.5)
        kind = "best" if trial["name"] == board["recommended"] else ""
        opacity = 0.8 if trial["name"] in board["front"] else 0.15
        cost = _cost(trial["costs"][name])
        look = f'fill="{COLOURS[0]}" fill-opacity="{opacity}" class="{kind}" role="img" tabindex=0'
        data = f'data-name="{escape(trial["name"])}" data-cost="{escape(cost)}"'
        title = f"{escape(trial['name'])}: {trial['result']['accuracy']:.1%}, {escape(cost)}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {look} {data}>'
            f"<title>{title}</title></circle>"
        )
    label = f"Accuracy over time on {escape(name)}"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="group" aria-label="{label}">{"".join(parts)}</svg>'


def _cost(cost: dict[str, Any]) -> str:
    reading = ", plus reading the weights" if cost["weights"] == "streamed" else ""
    return (
        f"about {cost['milliseconds']:,.1f} ms{reading}, {cost['instructions']:,} instructions, "
        f"{cost['heap']:,} bytes of heap, weights {cost['weights']}"
    )


def _axes(low: float, high: float, bottom: float) -> str:
    floor, right, parts = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT, []
    for step in range(5):
        share = step / 4
        y = floor - share * (floor - _TOP)
        x = _LEFT + share * (right - _LEFT)
        accuracy, time = bottom + (1 - bottom) * share, low * (high / low) ** share
        parts += [
            f'<line class=grid x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{accuracy:.0%}</text>',
            f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{time:.3g}</text>',
        ]
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">ms per picture, estimated</text>'
    )
    return "".join(parts)


def _table(board: dict[str, Any], trials: Sequence[dict[str, Any]]) -> str:
    name = board["board"]
    rows = []
    for trial in sorted(trials, key=lambda each: each["costs"][name]["milliseconds"]):
        cost, result = trial["costs"][name], trial["result"]
        mark = "recommended" if trial["name"] == board["recommended"] else ""
        mark = mark or ("front" if trial["name"] in board["front"] else "")
        cells = (
            trial["name"],
            f"{result['accuracy']:.1%}",
            f"{result['int8']['right']} of {result['int8']['photos']}",
            f"{cost['milliseconds']:,.1f}",
            f"{cost['heap']:,}",
            cost["weights"],
            f"{result['bytes']:,}",
            mark,
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    titles = ("trial", "validation", "right", "ms", "heap", "weights", "file", "")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return (
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _not_finished(trials: Sequence[dict[str, Any]]) -> str:
    if not trials:
        return ""
    rows = []
    for trial in trials:
        accuracy = f"{trial['epochs'][-1]['validation_accuracy']:.1%}" if trial["epochs"] else ""
        cells = (trial["name"], trial["state"], str(len(trial["epochs"])), accuracy, trial["problem"])
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "<th>trial</th><th>state</th><th>epochs</th><th>validation</th><th>problem</th>"
    return (
        "<h2>Not finished</h2><p class=note>Stopped trials were worse, after as many epochs, than others "
        "that take no more time.</p>"
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
