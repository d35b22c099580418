# SPDX-License-Identifier: MIT
"""Ray: workers on this computer, or on the cluster that an address names.

    with Cluster(address=None, photos=photos, test=None) as cluster:
        cluster.start(order, memory=2_000_000_000)
        for name, event in cluster.events(timeout=1.0): ...
        cluster.stop(name)

A trial is a task that yields its events (galago.sweep.worker). Each event, with the checkpoint of its epoch,
goes through Ray's object store to this process, which keeps it: workers and this computer need no common
folder. Nothing of Ray survives the sweep: what is done is in the sweep's own folder.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from galago.errors import GalagoError
from galago.resources import install_command
from galago.sweep import worker
from galago.sweep.orders import Event, Failed, Finished, Lost, Order
from galago.sweep.photo_set import PhotoSet

_OBJECTS = 512_000_000  # bytes of the local object store: checkpoints and models on their way
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "critical", "configure_logging": False}
_CONNECT = 5.0  # seconds
_STOP = 20.0  # seconds in which workers remove their files, as they mostly do in half a second


class Cluster:
    """The workers of a sweep.

    Raises sweep.cluster if there is no cluster at the address, and config.missing without Ray.
    """

    def __init__(self, address: str | None, photos: PhotoSet, test: PhotoSet | None) -> None:
        self.photos, self.test = photos, test
        self._ray = _import_ray()
        self._streams: dict[Any, str] = {}
        ends = signal.getsignal(signal.SIGTERM)
        self._connect(address)
        signal.signal(signal.SIGTERM, ends)  # Ray's own handler would end with another status
        put = self._ray.put
        # In lists, since a worker that has the folder does not fetch the archive. Here every worker has it.
        self._photos = [put(photos.pack())] if address else []
        self._test = [put(test.pack())] if address and test else []
        self._trial = self._ray.remote(_trial)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()
        self._ray.shutdown()

    @property
    def slots(self) -> int:
        """How many trials run at once, if memory allows: one per core."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    @property
    def nodes(self) -> int:
        """How many computers work."""
        return sum(node["Alive"] for node in self._ray.nodes())

    @property
    def memory(self) -> float:
        """The most bytes of memory that a trial can have on any computer."""
        return max(
            (node["Resources"].get("memory", 0.0) for node in self._ray.nodes() if node["Alive"]), default=0.0
        )

    @property
    def running(self) -> set[str]:
        """The names of the trials that were started and have not ended."""
        return set(self._streams.values())

    def start(self, order: Order, memory: int) -> None:
        """Starts a trial as soon as a worker has a core and so many bytes of memory for it."""
        options = {"num_cpus": 1, "memory": memory, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        stream = self._trial.options(**options).remote(order, self._photos, self._test)
        self._streams[stream] = order.name

    def stop(self, name: str) -> None:
        """Ends a trial; no more events come from it."""
        for stream in [stream for stream, one in self._streams.items() if one == name]:
            del self._streams[stream]
            self._ray.cancel(stream)

    def stop_all(self) -> None:
        """Ends all trials, and gives workers some seconds to remove their files."""
        streams = list(self._streams)
        self._streams.clear()
        for stream in streams:
            self._ray.cancel(stream)
        end = time.monotonic() + _STOP
        while streams and (left := end - time.monotonic()) > 0:
            ready, streams = self._ray.wait(streams, num_returns=1, timeout=left)
            # What a trial has said before comes first. Then it is over, and may be started again.
            streams += [stream for stream in ready if not isinstance(self._next(stream), Lost)]

    def events(self, timeout: float) -> Iterator[tuple[str, Event]]:
        """Yields what has happened, with the names of the trials; waits for it at most `timeout` seconds."""
        if not self._streams:
            return
        ready, _ = self._ray.wait(list(self._streams), num_returns=1, timeout=timeout)
        for stream in ready:
            name, event = self._streams[stream], self._next(stream)
            if isinstance(event, Finished | Failed | Lost):
                del self._streams[stream]
            yield name, event

    def _next(self, stream: Any) -> Event:
        try:
            return self._ray.get(next(stream))
        except StopIteration:
            return Lost("", "the worker ended without a word")
        except self._ray.exceptions.RayTaskError as error:
            return Failed("", "sweep.worker", _reason(error))
        except self._ray.exceptions.RayError as error:
            return Lost("", _reason(error))

    def _connect(self, address: str | None) -> None:
        try:
            if address is None:
                self._start_here()
            else:
                _check_address(address)
                self._ray.init(address, **_QUIET)
        except Exception as error:
            if not _is_refusal(error):
                raise
            reason = _reason(error)
            message = (
                _unreachable(address, reason) if address else f"Ray does not start here: {reason}: try again"
            )
            raise GalagoError("sweep.cluster", message) from None

    def _start_here(self) -> None:
        """Starts Ray on this computer; a busy one may need a second try, as Ray waits for 30 s."""
        try:
            self._init_here()
        except Exception as error:
            if not _is_refusal(error):
                raise
            self._ray.shutdown()
            self._init_here()

    def _init_here(self) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self._ray.init(
            "local",
            num_cpus=cores,
            object_store_memory=_OBJECTS,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",  # nobody else can connect
            **_QUIET,
        )


def _trial(order: Order, photos: list[Any], test: list[Any]) -> Iterator[Event]:
    """The task on a worker; the lists hold references to archives of photos."""
    import ray

    for event in worker.run(order, lambda: ray.get(photos[0]), lambda: ray.get(test[0])):
        yield event
        if photos:  # there may be other computers
            worker.back_off(event)


def _import_ray() -> Any:
    # Read when Ray is imported and by the processes that it starts: nothing is reported to anybody.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise GalagoError(
            "config.missing", f"Ray is not installed ({error}): {install_command('sweep')}"
        ) from None
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # what goes wrong is an exception, too
    return ray


def _check_address(address: str) -> None:
    """Raises sweep.cluster if nothing listens at an address, for which Ray itself would wait long."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal():
        raise GalagoError(
            "sweep.cluster",
            f"--ray: expected HOST:PORT of the cluster's head, or auto, got {address}: run the sweep on a "
            "computer of the cluster",
        )
    try:
        socket.create_connection((host, int(port)), _CONNECT).close()
    except (OSError, OverflowError) as error:
        raise GalagoError("sweep.cluster", _unreachable(address, str(error))) from None


def _is_refusal(error: Exception) -> bool:
    """Whether Ray does not start or connect, of which it says so by a plain Exception too."""
    return type(error) is Exception or isinstance(error, OSError | RuntimeError | ValueError)


def _unreachable(address: str, reason: str) -> str:
    return f"no Ray cluster at {address} ({reason}): start one with `ray start --head`, or leave --ray out"


def _reason(error: BaseException) -> str:
    """The last line of an error with text; Ray's begin with a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
