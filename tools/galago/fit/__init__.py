# SPDX-License-Identifier: MIT
"""Whether a model fits a board, and how it would run: arithmetic on the board's figures, no board needed.

requirements = fit.Requirements.of(models.find("everyday-v1-025-96"))
verdict = fit.check(requirements, boards.load("RPI_PICO"))
verdict.fits, verdict.weights, verdict.heap, verdict.seconds
fit.suggest(requirements, board)        # the largest smaller MobileNet that fits

Files are those that `galago flash` puts on the board. The heap holds the device package, the engine's arena
(as the engine plans it) and the weights, unless they are used in place or streamed. Time is the number of
instructions, as counted, times cycles per instruction, divided by the clock.
"""

from galago.fit.capacity import FASTER, SLOWER, files_of, heap_of, loading_of
from galago.fit.requirements import Requirements
from galago.fit.verdict import Use, Verdict, check, suggest

__all__ = (
    "FASTER",
    "SLOWER",
    "Requirements",
    "Use",
    "Verdict",
    "check",
    "files_of",
    "heap_of",
    "loading_of",
    "suggest",
)
