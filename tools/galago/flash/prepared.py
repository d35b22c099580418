# SPDX-License-Identifier: MIT
"""What a board needs to classify with a model when it is told to, without starting it at boot.

wanted = prepared(board, model)
UploadPlan(board, wanted.files, optional=wanted.spare, single=wanted.small).run()
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from galago import boards, runtimes
from galago.flash.files import installation, native_arch, remote_path
from galago.models import ModelDirectory
from galago.transport import Board


@dataclass(frozen=True)
class Prepared:
    """Device package and model for one board."""

    files: dict[str, bytes]
    spare: Sequence[Collection[str]]
    """Files that may be left out where there is no room, as UploadPlan takes them."""
    small: bool
    """Whether it is the small form of the device package."""
    backends: tuple[str, ...] | None
    """The runtimes to try, in order; None for all that the firmware has."""


def prepared(
    board: Board, model: ModelDirectory, kernels: str | None = None, runtime: str | None = None
) -> Prepared:
    """Returns what a connected board needs; `runtime` is the only one to prepare the model for.

    Raises the reason why a runtime cannot run the model.
    """
    known = runtimes.carried(board, boards.identify(board.implementation))
    if runtime and known:
        known = replace(known, backends=(runtime,))
    native = native_arch(board, known, kernels)
    wanted = installation(board, model, known, native, remote_path(model))
    backends = (runtime,) if runtime else known.backends if known else None
    return Prepared(wanted.files, wanted.optional, wanted.small, backends)
