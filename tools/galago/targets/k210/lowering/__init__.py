# SPDX-License-Identifier: MIT
"""Lowers TFLite operators to layers of a kmodel.

feature_extractor.py   convolutions and additions of feature maps, on the KPU
classifier_head.py     global pooling, dense layers and softmax
positions.py           a map as one vector for each position
convolution.py         TFLite weights and quantization → one KPU layer
addition.py            ADD → a 1x1 convolution
padding.py             TFLite's padding → the KPU's, with rotated pictures if necessary
"""
