# SPDX-License-Identifier: MIT
"""What tests of several folders share. `tests` is on pytest's path: `from support.builder import Builder`."""
