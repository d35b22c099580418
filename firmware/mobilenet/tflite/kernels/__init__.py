# SPDX-License-Identifier: MIT
"""One file per operator, loaded only where a model uses it.

INPUTS                                     number of computed inputs
NEEDS                                      least and most inputs, stored ones included
OPTIONS                                    type of the options in the schema
prepare(graph, options, inputs, output, record)   checks the operator, fills its record (graph.py)
macs(record)                               multiplications of one inference
scratch(record)                            bytes of scratch
run(net, at, first, last)                  computes output rows first … last; record at net.plan[at]
"""
