# SPDX-License-Identifier: MIT
"""The API: one module for each page of the studio, each with a list `routes`."""
