# SPDX-License-Identifier: MIT
"""The icon of exported pages: the face of a galago, made of ellipses, as SVG and as PNG.

svg()           # for the page's own tab
png(512)        # for a home screen, which cuts its own shape out of it
"""

import io
from urllib.parse import quote

from PIL import Image, ImageDraw

_SIDE = 64  # units of the drawing
_BACK, _FUR, _INNER, _AMBER, _DARK = "#0f766e", "#f3efe6", "#e0b8a8", "#e0912d", "#12201e"

# Colour, centre and radii: ears, head, eyes, pupils and their light, nose. All are within the circle of
# 80 % of the side, which every home screen shows.
_ELLIPSES = (
    *((_FUR, x, 23, 8, 10) for x in (18, 46)),
    *((_INNER, x, 24, 4.5, 6.5) for x in (18, 46)),
    (_FUR, 32, 37, 17.5, 16),
    *((_AMBER, x, 35, 7.5, 7.5) for x in (24, 40)),
    *((_DARK, x, 35, 4.5, 4.5) for x in (24, 40)),
    *((_FUR, x, 33.2, 1.5, 1.5) for x in (25.6, 41.6)),
    (_DARK, 32, 45.5, 2.6, 1.9),
)


def svg() -> str:
    """The icon as the address of an SVG that is part of the page."""
    shapes = "".join(
        f"<ellipse fill='{colour}' cx='{x}' cy='{y}' rx='{wide}' ry='{high}'/>"
        for colour, x, y, wide, high in _ELLIPSES
    )
    back = f"<rect width='{_SIDE}' height='{_SIDE}' rx='14' fill='{_BACK}'/>"
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_SIDE} {_SIDE}'>{back}{shapes}</svg>"
    return "data:image/svg+xml," + quote(drawing, safe=" ='/:")


def png(side: int) -> bytes:
    """The icon as a square PNG of `side` pixels without transparent parts."""
    scale = 4 * side / _SIDE  # drawn four times as large: Pillow's shapes have no soft edges
    image = Image.new("RGB", (4 * side, 4 * side), _BACK)
    draw = ImageDraw.Draw(image)
    for colour, x, y, wide, high in _ELLIPSES:
        edges = (x - wide, y - high, x + wide, y + high)
        draw.ellipse([scale * edge for edge in edges], fill=colour)
    file = io.BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file.getvalue()
