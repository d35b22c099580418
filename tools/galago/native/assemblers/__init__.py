# SPDX-License-Identifier: MIT
"""One assembler for each instruction set."""
