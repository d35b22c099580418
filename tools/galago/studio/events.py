# SPDX-License-Identifier: MIT
"""What pages are told without asking: numbered events, the last of which are kept for pages that reconnect.

    events = Events()
    events.publish("photos", id="c1")               # from any thread
    async for text in events.stream("f3a1-17"):     # Server-Sent Events after that one
        ...

A page that reconnects sends the id of the last event it has seen and gets those after it. Ids start with a
mark of the server's run. If the events in between are gone, or the server is another one, the page gets
`{"type": "reset"}` and asks for everything anew.
"""

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

_KEPT = 2000
_WAITING = 5000  # events that a page may be behind before it has to ask for everything anew
_ALIVE = 15.0  # seconds between signs of life, which show both sides that the other is there


class Events:
    """The events of a server. Memory is bounded: by what is kept, and by what a slow page may miss."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._number = 0
        self._kept: deque[tuple[int, str]] = deque(maxlen=_KEPT)
        self._pages: set[_Page] = set()
        self._closed = False

    def publish(self, kind: str, **content: Any) -> None:
        """Sends an event of a type to all pages. May be called from any thread."""
        with self._lock:
            self._number += 1
            data = json.dumps({"type": kind, **content}, ensure_ascii=False)
            event = self._number, f"id: {self._run}-{self._number}\ndata: {data}\n\n"
            self._kept.append(event)
            for page in self._pages:
                page.put(event[1])

    async def stream(self, last: str = "") -> AsyncIterator[str]:
        """Yields events as text for as long as the page listens, beginning after the event with id `last`."""
        page = _Page()
        with self._lock:
            missed = self._after(last)
            self._pages.add(page)
        try:
            yield "retry: 1000\n\n"
            for text in missed:
                yield text
            while not self._closed:
                yield await page.get()
        finally:
            with self._lock:
                self._pages.discard(page)

    def close(self) -> None:
        """Ends all streams, so that the server can stop."""
        with self._lock:
            self._closed = True
            for page in self._pages:
                page.put(": the server stops\n\n")

    def _after(self, last: str) -> list[str]:
        run, _, number = last.partition("-")
        if not last:
            return [f"id: {self._run}-{self._number}\ndata: {json.dumps({'type': 'hello'})}\n\n"]
        seen = int(number) if number.isdecimal() and len(number) < 12 else -1
        first = self._kept[0][0] if self._kept else self._number + 1
        if run != self._run or not first - 1 <= seen <= self._number:
            return [f"id: {self._run}-{self._number}\ndata: {json.dumps({'type': 'reset'})}\n\n"]
        return [text for number, text in self._kept if number > seen]


class _Page:
    """The queue of one listening page."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[str] = deque(maxlen=_WAITING)
        self._new = asyncio.Event()
        self._behind = False

    def put(self, text: str) -> None:
        if len(self._waiting) == _WAITING:
            self._behind = True
        self._waiting.append(text)
        try:
            self._loop.call_soon_threadsafe(self._new.set)
        except RuntimeError:  # the loop has ended: so has the page
            self._waiting.clear()

    async def get(self) -> str:
        while not self._waiting:
            self._new.clear()
            try:
                await asyncio.wait_for(self._new.wait(), _ALIVE)
            except TimeoutError:
                return ": alive\n\n"
        if self._behind:
            self._behind = False
            self._waiting.clear()
            return f"data: {json.dumps({'type': 'reset'})}\n\n"
        return self._waiting.popleft()
