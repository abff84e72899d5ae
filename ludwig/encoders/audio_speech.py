"""Pretrained networks of speech that read samples: convolutions make steps of them, a transformer relates the steps.

B = rows of the batch, N = samples of the longest sound, T = steps, C = channels of a convolution, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ludwig.encoders.audio_pretrained_base import Heard, PretrainedAudioEncoder, there, weights_of
from ludwig.encoders.base import ENCODERS
from ludwig.error import ConfigValidationError
from ludwig.features.audio import AudioFacts
from ludwig.pretrained.loading import Description

UNSEEN = -1e4  # a bias of attention whose exponential is zero, and finite, so that gradients are
LEAST_VARIANCE = 1e-7  # of the samples of a sound, so that silence is not divided by zero


class SpeechEncoder(PretrainedAudioEncoder):
    """A network like wav2vec 2.0. Each sound is read as if it were alone: normalisations and attention leave out what
    is behind its end, in networks too that were trained on padded batches without a mask.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedAudioEncoder.Config):
        settled: ClassVar[Mapping[str, Any]] = {
            "layerdrop": 0.0,  # a layer that is skipped has no gradients
            "mask_time_prob": 0.0,  # spans that are hidden at random are for many hours of speech
            "mask_feature_prob": 0.0,
            "add_adapter": False,  # layers on top that shorten a sound for texts
            "conv_pos_batch_norm": False,  # it would see what is behind the end of a sound
        }

        def refuse_others(self, description: Description, preparation: Description) -> None:
            super().refuse_others(description, preparation)
            if description.get("conv_pos_batch_norm"):
                raise ConfigValidationError(
                    f"encoder.pretrained_model_name_or_path: '{self.source}' has batch normalisation over positions "
                    "(conv_pos_batch_norm), by which padding would change its results. Choose another."
                )

    config: Config

    def __init__(self, config: Config, facts: Sequence[AudioFacts]) -> None:
        super().__init__(config, facts)
        self.normalises = bool(self.preparation.get("do_normalize", True))

    def prepared(self, network: Any) -> Any:
        """As in its paper, fine-tuning leaves the convolutions as they are."""
        positions = network.encoder.pos_conv_embed
        positions.conv = _plain(positions.conv)
        super().prepared(network)
        if self.config.use_pretrained:
            network.feature_extractor.requires_grad_(False)
        return network

    def _convolutions(self) -> list[tuple[int, int]]:
        """(kernel size, stride) of each."""
        sizes = (self.description["conv_kernel"], self.description["conv_stride"])
        return list(zip(*sizes, strict=True))

    @property
    def field(self) -> int:
        """How many samples a step depends on, which is the least that is read."""
        field = 1
        for kernel, stride in reversed(self._convolutions()):
            field = (field - 1) * stride + kernel
        return field

    def steps_of(self, samples: int) -> int:
        steps = max(samples, self.field)
        for kernel, stride in self._convolutions():
            steps = (steps - kernel) // stride + 1
        return steps

    def hear(self, waves: Tensor, lengths: Tensor) -> Heard:
        if self.normalises:
            waves = _normalised(waves, there(lengths, waves.shape[1]))
        waves = pad(waves, (0, max(self.field - waves.shape[1], 0)))
        features, lengths = self._features(waves, lengths.clamp_min(self.field))  # [B, C, T], [B]
        mask = there(lengths, features.shape[2])  # [B, T]
        hidden = self.network.feature_projection(features.transpose(1, 2))  # [B, T, H], in some with its input
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        states = self.related(hidden, mask)
        return Heard(states, mask, states[:, 0])

    def related(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """What the transformer makes of the steps: [B, T, H], [B, T] -> [B, T, H]."""
        states: Tensor = self.network.encoder(hidden, attention_mask=mask).last_hidden_state
        return states

    def _features(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N], [B] -> [B, C, T], [B]."""
        values = waves.unsqueeze(1)  # [B, 1, N]
        layers = self.network.feature_extractor.conv_layers
        for place, (layer, (kernel, stride)) in enumerate(zip(layers, self._convolutions(), strict=True)):
            lengths = (lengths - kernel).div(stride, rounding_mode="floor") + 1
            if place == 0 and self.description["feat_extract_norm"] == "group":
                values = layer.conv(values)  # [B, C, T]
                values = layer.activation(_over_steps(layer.layer_norm, values, there(lengths, values.shape[2])))
            else:
                values = layer(values)  # [B, C, T]
        return values, lengths


def _plain(convolution: nn.Conv1d) -> nn.Conv1d:
    """The convolution with a weight of its own; weight normalisation, which makes it of two, cannot be pickled."""
    plain = nn.Conv1d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size[0],
        padding=convolution.padding[0],
        groups=convolution.groups,
        device="meta",  # which draws no weights
    )
    plain.weight = nn.Parameter(convolution.weight.detach().clone())
    plain.bias = convolution.bias
    return plain


def _normalised(waves: Tensor, mask: Tensor) -> Tensor:
    """Each sound with mean 0 and variance 1: [B, N]."""
    count = mask.sum(1, keepdim=True).clamp_min(1)
    centred = (waves - waves.sum(1, keepdim=True) / count).masked_fill(~mask, 0.0)
    return centred * (centred.square().sum(1, keepdim=True) / count + LEAST_VARIANCE).rsqrt()


def _over_steps(norm: nn.GroupNorm, values: Tensor, mask: Tensor) -> Tensor:
    """Group normalisation of each channel by itself over the steps that are there: [B, C, T]."""
    mask = mask.unsqueeze(1)  # [B, 1, T]
    exact = values.to(torch.promote_types(values.dtype, torch.float32)).masked_fill(~mask, 0.0)
    count = mask.sum(2, keepdim=True)  # [B, 1, 1]
    centred = (exact - exact.sum(2, keepdim=True) / count).masked_fill(~mask, 0.0)
    normal = centred * (centred.square().sum(2, keepdim=True) / count + norm.eps).rsqrt()
    return (normal * norm.weight.view(1, -1, 1) + norm.bias.view(1, -1, 1)).to(values.dtype)


@ENCODERS.register("wav2vec2", kinds=("audio",))
class Wav2Vec2Encoder(SpeechEncoder):
    """wav2vec 2.0: a network of speech that was trained to recognise hidden parts of sounds among others.

    Use it for what speech holds: words, speakers, moods, languages; frozen (`trainable: false`) for few recordings or
    without a GPU, fine-tuned else. The usual one has 94 million weights and a step every 20 ms; its cost grows with
    the length of the sounds. Fine-tuning leaves its convolutions frozen. Samples are normalised as the model's
    preprocessor_config.json sets it.

    Takes samples at 16 kHz [B, N, 1]; gives a vector [B, H], or with `reduce_output: null` the states of all steps
    [B, T, H].

    Source: Baevski et al. 2020, "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations",
    arXiv:2006.11477.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: wav2vec2
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SpeechEncoder.Config):
        families: ClassVar[tuple[str, ...]] = ("wav2vec2", "hubert")
        usual_source: ClassVar[str] = "facebook/wav2vec2-base"
        pretrained_model_name_or_path: str = weights_of(usual_source)


@ENCODERS.register("hubert", kinds=("audio",))
class HubertEncoder(SpeechEncoder):
    """HuBERT: a network of speech that was trained to name the clusters of hidden parts of sounds.

    Use it as wav2vec2, which it mostly surpasses where it is frozen. The usual one has 94 million weights and a step
    every 20 ms; its cost grows with the length of the sounds. Fine-tuning leaves its convolutions frozen.

    Takes samples at 16 kHz [B, N, 1]; gives a vector [B, H], or with `reduce_output: null` the states of all steps
    [B, T, H].

    Source: Hsu et al. 2021, "HuBERT: Self-Supervised Speech Representation Learning by Masked Prediction of Hidden
    Units", arXiv:2106.07447.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: hubert
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SpeechEncoder.Config):
        families: ClassVar[tuple[str, ...]] = ("hubert", "wav2vec2")
        usual_source: ClassVar[str] = "facebook/hubert-base-ls960"
        pretrained_model_name_or_path: str = weights_of(usual_source)


@ENCODERS.register("wavlm", kinds=("audio",))
class WavLmEncoder(SpeechEncoder):
    """WavLM: as HuBERT, with noises and other speakers mixed into the sounds that it was trained on.

    Use it for who speaks and how, above all in noise. The usual one has 94 million weights and a step every 20 ms; its
    cost grows with the length of the sounds. Fine-tuning leaves its convolutions frozen.

    Takes samples at 16 kHz [B, N, 1]; gives a vector [B, H], or with `reduce_output: null` the states of all steps
    [B, T, H].

    Source: Chen et al. 2021, "WavLM: Large-Scale Self-Supervised Pre-Training for Full Stack Speech Processing",
    arXiv:2110.13900.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: wavlm
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SpeechEncoder.Config):
        families: ClassVar[tuple[str, ...]] = ("wavlm",)
        usual_source: ClassVar[str] = "microsoft/wavlm-base-plus"
        pretrained_model_name_or_path: str = weights_of(usual_source)

    config: Config

    def related(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """As the library does it, which masks attention in a way that torch deprecates: here its bias does so."""
        encoder, is_stable = self.network.encoder, self.description["do_stable_layer_norm"]
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
        hidden = hidden + encoder.pos_conv_embed(hidden)
        hidden = encoder.dropout(hidden if is_stable else encoder.layer_norm(hidden))
        bias = encoder.layers[0].attention.compute_bias(mask.shape[1], mask.shape[1])  # [heads, T, T]
        bias = torch.where(mask[:, None, None], bias, UNSEEN).flatten(0, 1)  # [B * heads, T, T]
        for layer in encoder.layers:
            hidden = layer(hidden, position_bias=bias)[0]
        states: Tensor = encoder.layer_norm(hidden) if is_stable else hidden
        return states
