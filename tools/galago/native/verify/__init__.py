# SPDX-License-Identifier: MIT
"""Runs generated machine code on the host, in instruction-set emulators: guarded memory, exact counts."""
