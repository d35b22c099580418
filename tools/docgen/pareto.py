# SPDX-License-Identifier: MIT
"""A picture of what accuracy costs: int8 accuracy of the shipped models over the size of their files, as SVG.

Path("docs/assets/models.svg").write_text(pareto.svg([("flowers", 255_416, 0.883, "flowers-v1-025-96"), …]))
"""

from collections.abc import Sequence
from math import log2

from galago.report.charts import COLOURS

Point = tuple[str, int, float, str]
"""Task, bytes of the .tflite, accuracy from 0 to 1, name."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 340, 56, 150, 20, 44
_SIZES = (16, 32, 64, 128, 256, 512)  # kB, the ends and ticks of the axis, each twice the one before
_LOW, _HIGH, _STEP = 70, 100, 5  # percent


def svg(points: Sequence[Point]) -> str:
    """Returns the picture; models of one task have one colour, and a line joins them by size."""
    parts = [_axes()]
    tasks = sorted({point[0] for point in points})
    # The names of one task stand at the right of its points, those of the next one at the left.
    for number, (colour, task) in enumerate(zip(COLOURS, tasks, strict=False)):
        shift, anchor = ((9, "start"), (-9, "end"))[number % 2]
        own = sorted((size, accuracy, name) for kind, size, accuracy, name in points if kind == task)
        path = " ".join(f"{_x(size):.1f},{_y(accuracy):.1f}" for size, accuracy, _ in own)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>')
        for size, accuracy, name in own:
            x, y = _x(size), _y(accuracy)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
            place = f'x="{x + shift:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}"'
            parts.append(f'<text {place} fill="{colour}">{name}</text>')
    style = "text{font:12px system-ui,sans-serif}.axis{fill:#6b7280}.grid{stroke:#9ca3af;stroke-opacity:.3}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>int8 accuracy over file size</title><style>{style}</style>{''.join(parts)}</svg>\n"
    )


def _axes() -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for percent in range(_LOW, _HIGH + 1, _STEP):
        y = _y(percent / 100)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
        )
    for size in _SIZES:
        x = _x(size * 1000)
        text = f'<text class="axis" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{size} kB</text>'
        parts += [f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>', text]
    middle = (_LEFT + right) / 2
    return "".join(parts) + (
        f'<text class="axis" x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">size of the .tflite</text>'
    )


def _x(size: int) -> float:
    low, high = log2(_SIZES[0] * 1000), log2(_SIZES[-1] * 1000)
    return _LEFT + (log2(size) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)


def _y(accuracy: float) -> float:
    return _TOP + (_HIGH - 100 * accuracy) / (_HIGH - _LOW) * (_HEIGHT - _TOP - _BOTTOM)
