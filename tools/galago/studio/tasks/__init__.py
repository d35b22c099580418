# SPDX-License-Identifier: MIT
"""What jobs do: a module for each kind, with `run(order, reporter)`, which `galago.studio.child` calls.

`order` is what `galago.studio.orders` wrote, `reporter` a `galago.studio.reporter.Reporter`; the result is a
dict for JSON. Each calls the functions that the command of the same name calls.
"""
