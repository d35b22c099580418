# SPDX-License-Identifier: MIT
"""Viper kernels: one file per operator, loaded if a model uses it, and kept while the model runs.

run(net, at, first, last)   computes output rows [first, last) of the layer with its record at net.plan[at]
"""
