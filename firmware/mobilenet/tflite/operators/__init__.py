# SPDX-License-Identifier: MIT
"""One file per operator: what loading must know of it. All of it leaves memory once a model is loaded.

KERNEL                 the file in `kernels` that computes it
INPUTS                 number of computed inputs
NEEDS                  least and most inputs, stored ones included
OPTIONS                type of the options in the schema
STREAMS                whether it can run row by row beside its neighbours
OVERLAP                when the output may lie on the input: "never", in the "same" place, "below" it, or
                       as far below as "rows" need, `step` at a time
prepare(graph, options, inputs, output, record)   checks the operator, fills its record (loading/graph.py)
scratch(record, whole) bytes of scratch, run as a whole or row by row
step(record)           where OVERLAP is "rows": output rows whose input is read before they are written
piece(record)          where there are weights: bytes of the model that the kernel needs at once
macs(record)           there, too: multiplications of one inference
"""
