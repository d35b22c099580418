# SPDX-License-Identifier: MIT
"""Operators: one file each, which checks an operator and plans its memory. All leave memory after loading.

A file has the operator's name in TensorFlow Lite's schema, in lower case: so it is found. It has:

KERNEL                 name of the file in `kernels` that computes it
INPUTS                 number of inputs, the first ones, that are never constant
NEEDS                  least and largest number of inputs, constant ones included
OPTIONS                type of its options in the schema
STREAMS                whether it can run row by row in a chain
OVERLAP                how the output may overlap the input: "never"; at the "same" offset only; at the same
                       offset or "below"; or, if its "rows" are written after their input was read, as far
                       below as that needs
prepare(graph, options, inputs, output, record)   checks the operator and fills its record (record.toml). It
                       may append words to the record, reorder `inputs`, and return another module that
                       computes the layer
scratch(record, whole) returns the bytes of scratch, to run as a whole or row by row
step(record)           if OVERLAP is "rows": returns how many output rows are written at a time
piece(record)          with weights only: returns the bytes of the model that the kernel needs at once
macs(record)           with weights only: returns the MACs of one inference
"""


def name(number):
    """Returns an operator's name in the schema, in lower case, or its number."""
    names = (
        "add average_pool_2d concatenation conv_2d depthwise_conv_2d depth_to_space dequantize "
        "embedding_lookup floor fully_connected hashtable_lookup l2_normalization l2_pool_2d "
        "local_response_normalization logistic lsh_projection lstm max_pool_2d mul relu relu_n1_to_1 relu6 "
        "reshape resize_bilinear rnn softmax space_to_depth svdf tanh concat_embeddings skip_gram call "
        "custom embedding_lookup_sparse pad unidirectional_sequence_rnn gather batch_to_space_nd "
        "space_to_batch_nd transpose mean sub div squeeze unidirectional_sequence_lstm strided_slice "
        "bidirectional_sequence_rnn exp topk_v2 split log_softmax delegate bidirectional_sequence_lstm cast "
        "prelu maximum arg_max minimum less neg padv2 greater greater_equal less_equal select slice sin "
        "transpose_conv sparse_to_dense tile expand_dims equal not_equal log sum sqrt rsqrt shape pow "
        "arg_min fake_quant reduce_prod reduce_max pack logical_or one_hot logical_and logical_not unpack "
        "reduce_min floor_div reduce_any square zeros_like fill floor_mod range resize_nearest_neighbor "
        "leaky_relu squared_difference mirror_pad abs split_v unique ceil reverse_v2 add_n gather_nd cos "
        "where rank elu reverse_sequence matrix_diag quantize matrix_set_diag round hard_swish "
    )
    if number > 117:  # the last one above
        return "number %d" % number
    start = 0
    for _ in range(number):
        start = names.index(" ", start) + 1
    return names[start : names.index(" ", start)]
