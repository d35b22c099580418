# SPDX-License-Identifier: MIT
"""Small charts as SVG text: curves over epochs, and a reliability diagram.

svg = lines({"training": [(1, 0.9), (2, 0.5)]}, "epoch", 0, 1)
"""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 460, 220, 44, 20, 30, 12
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea")

Points = Sequence[tuple[float, float]]


def lines(
    series: Mapping[str, Points],
    x_title: str,
    low: float,
    high: float,
    percent: bool = False,
    marked: float | None = None,
) -> str:
    """Returns a chart of lines through points; `low` and `high` bound the vertical axis.

    A vertical line is drawn at `marked`.
    """
    right = max((x for points in series.values() for x, _ in points), default=1.0)
    left = min((x for points in series.values() for x, _ in points), default=0.0)
    parts = [_axes(x_title, left, right, low, high, percent)]
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        path = " ".join(
            f"{_x(x, left, right):.1f},{_y(min(max(y, low), high), low, high):.1f}" for x, y in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) == 1:
            x, y = points[0]
            parts.append(_dot(_x(x, left, right), _y(y, low, high), 3, colour, name))
    if marked is not None:
        x = _x(marked, left, right)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" class="ideal"/>')
    return _svg(parts) + _legend(list(series))


def reliability(series: Mapping[str, Sequence[tuple[float, float, int]]]) -> str:
    """Returns a chart of accuracy over confidence; each row is (confidence, accuracy, number of photos).

    The area of a dot is the number of photos, and the diagonal is ideal.
    """
    most = max((n for rows in series.values() for _, _, n in rows), default=1)
    ends = [(_x(v, 0, 1), _y(v, 0, 1)) for v in (0, 1)]
    parts = [
        _axes("confidence", 0, 1, 0, 1, percent=True),
        f'<line x1="{ends[0][0]}" y1="{ends[0][1]}" x2="{ends[1][0]}" y2="{ends[1][1]}" class="ideal"/>',
    ]
    for colour, rows in zip(COLOURS, series.values(), strict=False):
        path = " ".join(f"{_x(c, 0, 1):.1f},{_y(a, 0, 1):.1f}" for c, a, _ in rows)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for c, a, n in rows:
            tip = f"confidence {c:.0%}, {a:.0%} right, {n} photos"
            parts.append(_dot(_x(c, 0, 1), _y(a, 0, 1), 2 + 6 * (n / most) ** 0.5, colour, tip))
    return _svg(parts) + _legend(list(series))


def _x(value: float, left: float, right: float) -> float:
    return LEFT + (value - left) / ((right - left) or 1) * (WIDTH - LEFT - RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1) * (HEIGHT - BOTTOM - TOP)


def _dot(x: float, y: float, radius: float, colour: str, tip: str) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity=".7">'
        f"<title>{tip}</title></circle>"
    )


def _axes(x_title: str, left: float, right: float, low: float, high: float, percent: bool) -> str:
    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = _y(value, low, high)
        text = f"{value:.0%}" if percent else f"{value:.2f}"
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    share = (left, right) == (0, 1)
    for value in (0, 0.5, 1) if share else sorted({left, (left + right) // 2, right}):
        text = f"{value:.0%}" if share else f"{value:.0f}"
        parts.append(
            f'<text x="{_x(value, left, right):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{text}</text>'
        )
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 1}" text-anchor="middle">{x_title}</text>')
    return "".join(parts)


def _svg(parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _legend(names: list[str]) -> str:
    entries = [
        f'<span><svg viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="{colour}"/></svg>{name}</span>'
        for colour, name in zip(COLOURS, names, strict=False)
    ]
    return f'<p class="legend">{"".join(entries)}</p>'
