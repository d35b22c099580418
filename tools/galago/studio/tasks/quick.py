# SPDX-License-Identifier: MIT
"""Trains the head alone, on an ImageNet network as it is: an answer in seconds, before the long training."""

from typing import Any

from galago.studio.reporter import Reporter
from galago.studio.tasks.train import head_only, train


def run(order: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Trains. Returns {model: id}."""
    return train(order, reporter, head_only(order), quick=True)
