# SPDX-License-Identifier: MIT
"""Compares new machine code with what the host computed, once: golden pictures, and the sum of each layer.

    proof.check(classifier, "/galago.kernels.json", digest)

The verdict is kept there under the digest of machine code, weights and calls. While the check runs, the file
says so: a board that finds this note when it boots was crashed by the check, and does not repeat it.
"""

import json

from .core import GalagoError


def check(net, note, digest):
    """Raises GalagoError backend.wrong, or backend.refused if the check crashed the board before."""
    try:
        with open(note) as file:
            kept = json.load(file)
    except (OSError, ValueError):
        kept = {}
    if kept == {"sha256": digest, "checking": True}:
        text = "kernels: the board restarted while it checked the machine code: remove %s to check again"
        raise GalagoError("backend.refused", text % note)
    if kept != {"sha256": digest, "wrong": []}:
        _keep(note, {"sha256": digest, "checking": True})
        verdict = {}
        try:
            _compare(net)
            verdict = {"sha256": digest, "wrong": []}
        finally:
            _keep(note, verdict)


def _compare(net):
    with open("/mobilenet/expected") as file:
        expected = json.load(file)
    sums = [0] * len(expected["sums"])
    net.compare(*expected["golden"][-1], sums)
    for layer, right in enumerate(expected["sums"]):
        if sums[layer] != right:
            raise GalagoError("backend.wrong", "machine code is wrong in layer %d: report it" % layer)
    for golden in expected["golden"]:
        net.compare(*golden)


def _keep(note, verdict):
    try:
        with open(note, "w") as file:
            json.dump(verdict, file)
    except OSError:  # read-only or full: the check is repeated at each boot
        pass
