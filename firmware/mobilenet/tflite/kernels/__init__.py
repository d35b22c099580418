# SPDX-License-Identifier: MIT
"""One file per operator, loaded only where a model uses it, and kept while it runs.

run(net, at, first, last)   computes output rows first … last of the layer whose record is at net.plan[at]
"""
