"""From the columns of a batch to signals."""

from ludwig.encoders import (  # noqa: F401  (importing registers)
    audio_cnn,
    category,
    date,
    generic,
    h3,
    image_cnn,
    image_convolutional,
    image_mixer,
    image_timm,
    image_torchvision,
    image_transformers,
    image_unet,
    members,
    number,
    sequence_cnn,
    sequence_cnnrnn,
    sequence_embed,
    sequence_rnn,
    sequence_stacked_cnn,
    sequence_state_space,
    sequence_transformer,
    series_lags,
    series_nbeats,
    series_patches,
    text_ngrams,
    text_pretrained_bert,
    text_pretrained_generative,
    text_pretrained_long,
    text_pretrained_towers,
    text_tf_idf,
)
from ludwig.encoders.base import ENCODERS, Encoder

__all__ = ["ENCODERS", "Encoder"]
