"""Every option of a convolution, a recurrent layer or a fully connected layer reaches the module that it is for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ludwig.combiners import COMBINERS
from ludwig.decoders import DECODERS
from ludwig.encoders import ENCODERS
from ludwig.nn.convolution import ConvolutionSpec, ImageConvolutionSpec
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.recurrent import RecurrentSpec
from ludwig.nn.transformer import AttentionSpec
from ludwig.schema import load
from ludwig.schema.groups import filled

PARALLEL = ENCODERS.get("parallel_cnn", "text").Config
STACKED = ENCODERS.get("stacked_cnn", "image").Config
STRIDED = ENCODERS.get("stacked_cnn", "text").Config
BLOCKS = ENCODERS.get("stacked_parallel_cnn", "text").Config
CNNRNN = ENCODERS.get("cnnrnn", "text").Config
TRANSFORMER = ENCODERS.get("transformer", "text").Config
MAMBA = ENCODERS.get("mamba", "text").Config
RNN = ENCODERS.get("rnn", "text").Config
DENSE = ENCODERS.get("dense", "number").Config
CONCAT = COMBINERS.get("concat").Config
REGRESSOR = DECODERS.get("regressor", "number").Config

WEIGHTS = {"use_bias": False, "weights_initializer": "ones", "bias_initializer": "normal"}
NORM = {"norm": "layer", "norm_params": {"eps": 0.1}}
AFTER = {"activation": "tanh", "dropout": 0.3}
LAYER = {"output_size": 7, **WEIGHTS, **NORM, **AFTER}
CONVOLUTION = {"num_filters": 5, "filter_size": 9, "pool_function": "mean", "pool_size": 4, **WEIGHTS, **NORM, **AFTER}
STRIDES = {"strides": 2, "padding": "valid", "dilation_rate": 3, "pool_strides": 5, "pool_padding": "valid"}
RECURRENT = {
    "state_size": 5,
    "cell_type": "gru",
    "num_layers": 3,
    "bidirectional": True,
    "activation": "relu",
    "recurrent_activation": "tanh",
    "unit_forget_bias": False,
    "recurrent_initializer": "normal",
    "dropout": 0.2,
    "recurrent_dropout": 0.4,
    **WEIGHTS,
}
PIXELS = {
    "out_channels": 4,
    "kernel_size": (1, 5),
    "stride": 2,
    "padding": "same",
    "padding_mode": "reflect",
    "dilation": 3,
    "groups": 2,
    "pool_function": "avg",
    "pool_kernel_size": 3,
    "pool_stride": 1,
    "pool_padding": 1,
    "pool_dilation": 2,
}
OF_CONVOLUTIONS = {"use_bias": False, **NORM, **AFTER}


def prefixed(prefix: str, options: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in options.items()}


# spec that is expected, spec that the config gives
CASES = {
    "parallel_cnn": (
        ConvolutionSpec(**CONVOLUTION),
        PARALLEL(num_conv_layers=1, **CONVOLUTION).convolutions(),
    ),
    "sequence_stacked_cnn": (
        ConvolutionSpec(**CONVOLUTION, **STRIDES),
        STRIDED(num_conv_layers=1, **CONVOLUTION, **STRIDES).convolutions(),
    ),
    "sequence_stacked_cnn_fc": (LayerSpec(**LAYER), STRIDED(**LAYER).stack_of(1)),
    "stacked_parallel_cnn": (
        ConvolutionSpec(**CONVOLUTION),
        BLOCKS(**CONVOLUTION).blocks()[0][1:2],
    ),
    "cnnrnn": (
        ConvolutionSpec(**CONVOLUTION, **STRIDES),
        CNNRNN(**{**CONVOLUTION, **STRIDES, **AFTER, **prefixed("conv_", AFTER)}).convolutions(),
    ),
    "cnnrnn_recurrent": (
        RecurrentSpec(**RECURRENT),
        [CNNRNN(**{"num_rec_layers" if k == "num_layers" else k: v for k, v in RECURRENT.items()}).recurrent()],
    ),
    "transformer": (
        AttentionSpec(**WEIGHTS),
        [filled(AttentionSpec, TRANSFORMER(**WEIGHTS))],
    ),
    "transformer_fc": (
        LayerSpec(**LAYER),
        TRANSFORMER(num_fc_layers=1, output_size=7, **WEIGHTS, **NORM, **prefixed("fc_", AFTER)).stack(),
    ),
    "mamba_fc": (
        LayerSpec(**{**LAYER, "bias_initializer": None}),
        MAMBA(
            num_fc_layers=1,
            output_size=7,
            use_bias=False,
            weights_initializer="ones",
            **NORM,
            **prefixed("fc_", AFTER),
        ).stack(),
    ),
    "parallel_cnn_fc": (LayerSpec(**LAYER), PARALLEL(**LAYER).stack_of(1)),
    "stacked_cnn": (
        ImageConvolutionSpec(**PIXELS, **OF_CONVOLUTIONS),
        STACKED(num_conv_layers=1, **PIXELS, **prefixed("conv_", OF_CONVOLUTIONS)).convolutions(),
    ),
    "stacked_cnn_fc": (
        LayerSpec(**LAYER),
        STACKED(output_size=7, **prefixed("fc_", {**WEIGHTS, **NORM, **AFTER})).stack_of(1),
    ),
    "rnn": (RecurrentSpec(**RECURRENT), [filled(RecurrentSpec, RNN(**RECURRENT))]),
    "rnn_fc": (
        LayerSpec(**LAYER),
        RNN(num_fc_layers=1, output_size=7, **WEIGHTS, **NORM, **prefixed("fc_", AFTER)).stack(),
    ),
    "dense": (LayerSpec(**LAYER), DENSE(**LAYER).stack_of(1)),
    "concat": (LayerSpec(**LAYER), CONCAT(num_fc_layers=1, **LAYER).stack()),
    "regressor": (LayerSpec(**LAYER), REGRESSOR(**prefixed("fc_", LAYER)).stack_of(1)),
}
NO_OPTIONS = {
    "parallel_cnn": {*STRIDES},
    "stacked_parallel_cnn": {*STRIDES},
    "mamba_fc": {"bias_initializer"},
}


@pytest.mark.parametrize("name", CASES)
def test_every_field_of_the_spec_is_filled_by_an_option(name):
    expected, specs = CASES[name]
    assert specs == [expected]
    at_default = {f.name for f in dataclasses.fields(expected) if getattr(expected, f.name) == f.default}
    assert at_default == NO_OPTIONS.get(name, set())  # else this test would prove nothing of them


def test_fully_connected_layers_of_an_rnn_have_an_activation_and_dropout_of_their_own():
    (layer,) = RNN(num_fc_layers=1, activation="relu6", dropout=0.9).stack()
    assert (layer.activation, layer.dropout) == ("relu", 0.0)


@pytest.mark.parametrize(
    ("config", "raw", "expected"),
    [
        (
            PARALLEL,
            {
                "num_filters": 6,
                "dropout": 0.1,
                "conv_layers": [{}, {"filter_size": 5, "norm": "layer"}],
            },
            [
                ConvolutionSpec(num_filters=6, filter_size=3, dropout=0.1),
                ConvolutionSpec(num_filters=6, filter_size=5, dropout=0.1, norm="layer"),
            ],
        ),
        (
            STACKED,
            {
                "conv_norm": "batch",
                "padding": "valid",
                "pool_stride": 3,
                "conv_layers": [{"out_channels": 8, "activation": "gelu"}, {"norm": "layer", "padding": [1, 2]}],
            },
            [
                ImageConvolutionSpec(out_channels=8, norm="batch", activation="gelu", pool_stride=3),
                ImageConvolutionSpec(norm="layer", padding=(1, 2), pool_stride=3),
            ],
        ),
    ],
)
def test_listed_convolutions_override_what_the_others_have(config, raw, expected):
    assert load(config, raw).convolutions() == expected


def test_listed_layers_override_what_the_others_have():
    raw = {"output_size": 5, "norm": "batch", "fc_layers": [{"output_size": 9}, {"norm": "ghost", "use_bias": False}]}
    like = LayerSpec(5, weights_initializer="xavier_uniform", bias_initializer="zeros", norm="batch")
    assert load(CONCAT, raw).stack() == [
        dataclasses.replace(like, output_size=9),
        dataclasses.replace(like, norm="ghost", use_bias=False),
    ]


def test_convolutions_that_are_not_listed_span_two_to_five_steps():
    assert [spec.filter_size for spec in PARALLEL().convolutions()] == [2, 3, 4, 5]
    assert [spec.filter_size for spec in PARALLEL(num_conv_layers=2).convolutions()] == [3, 3]
