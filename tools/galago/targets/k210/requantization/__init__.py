# SPDX-License-Identifier: MIT
"""TFLite's requantization of int32 sums to int8, reproduced by the KPU's batch norm and activation table.

tflite_rounding.py    the thresholds: the sums at which TFLite's output goes up by one
segment_groups.py     candidates for table segments, and how well each channel's thresholds fit them
activation_table.py   the search for the best table and batch norm words
"""
