# SPDX-License-Identifier: MIT
"""Measures the K210 compiler and simulator on networks and pictures, and writes the tables of docs/k210.md.

networks.py    the networks, built with Keras
sizes.py       size, memory and estimated time of their kmodels
agreement.py   simulated kmodels against TensorFlow Lite Micro and against labels
__main__.py    the program, `make k210`
"""
