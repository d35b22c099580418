# SPDX-License-Identifier: MIT
"""What a request brings: JSON with known fields, numbers in bounds, a file of bounded size.

    body = await fields(request, name=str)
    start = number(request, "from", 0, least=0, most=10**9)
    async with received(request, folder, limit) as path:
        ...

Each raises studio.request or studio.limit for anything else.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from galago.errors import GalagoError
from galago.studio.naming import new_id
from galago.studio.security import LARGEST_BODY

_SILENCE = 30.0  # seconds that a sender may pause


async def fields(request: Request, /, **types: type | tuple[type, ...]) -> dict[str, Any]:
    """Returns the JSON object of a request, with these fields and types and no others."""
    parts, size = [], 0
    async for part in _parts(request):
        size += len(part)
        if size > LARGEST_BODY:
            raise GalagoError("studio.limit", f"the request has more than {LARGEST_BODY:,} bytes: send less")
        parts.append(part)
    try:
        value = json.loads(b"".join(parts) or b"{}")
    except (ValueError, RecursionError):
        raise GalagoError("studio.request", "expected a JSON object: reload the page") from None
    names = ", ".join(types)
    if not isinstance(value, dict) or not set(value) <= set(types):
        raise GalagoError("studio.request", f"expected an object with {names or 'nothing'}: reload the page")
    for name, content in value.items():
        if not isinstance(content, types[name]) or (isinstance(content, bool) and types[name] is not bool):
            raise GalagoError("studio.request", f"{name}: a value of another type: reload the page")
    return value


def ids(body: dict[str, Any]) -> list[str]:
    """Returns the list of ids in a request."""
    value = body.get("ids")
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise GalagoError("studio.request", "expected ids, a list of texts: reload the page")
    return value


def number(request: Request, name: str, default: float, least: float, most: float) -> float:
    """Returns a number of the query."""
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text[:40])
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise GalagoError(
            "studio.request", f"{name}: expected {least:g} to {most:g}, got {text!r:.40}: reload the page"
        )
    return value


@asynccontextmanager
async def received(request: Request, folder: Path, limit: int) -> AsyncIterator[Path]:
    """Streams the body of a request into a file of the server's own, which is removed afterwards."""
    stated = request.headers.get("content-length", "")
    too_large = GalagoError(
        "studio.limit", f"the file is larger than {limit / 1e6:,.0f} MB: send it in parts"
    )
    if stated.isdecimal() and int(stated) > limit:
        raise too_large
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / new_id("u")
    try:
        size = 0
        with path.open("wb") as file:
            async for part in _parts(request):
                size += len(part)
                if size > limit:
                    raise too_large
                file.write(part)
        if not size:
            raise GalagoError("studio.request", "the request has no file: choose one")
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), _SILENCE)
        except StopAsyncIteration:
            return
        except (TimeoutError, ClientDisconnect):
            raise GalagoError("studio.request", "the request did not arrive whole: send it again") from None
