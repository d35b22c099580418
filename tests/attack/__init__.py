# SPDX-License-Identifier: MIT
"""Attacks on everything that comes from a file, a cable or a user; `make attack` runs them (__main__.py)."""
