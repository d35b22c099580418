# SPDX-License-Identifier: MIT
"""Operators: one file each, which checks an operator and plans its memory. All leave memory after loading.

KERNEL                 name of the file in `kernels` that computes it
INPUTS                 number of inputs that are not constant
NEEDS                  least and largest number of inputs, constant ones included
OPTIONS                type of its options in the schema
STREAMS                whether it can run row by row in a chain
OVERLAP                how the output may overlap the input: "never"; at the "same" offset only; at the same
                       offset or "below"; or, if its "rows" are written after their input was read, as far
                       below as that needs
prepare(graph, options, inputs, output, record)   checks the operator and fills its record (record.toml)
scratch(record, whole) returns the bytes of scratch, to run as a whole or row by row
step(record)           if OVERLAP is "rows": returns how many output rows are written at a time
piece(record)          with weights only: returns the bytes of the model that the kernel needs at once
macs(record)           with weights only: returns the MACs of one inference
"""
