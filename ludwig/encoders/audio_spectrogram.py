"""Pretrained networks that read mel spectrograms of one length: sounds are cut to it or filled with silence.

B = rows of the batch, N = samples of the longest sound, T = steps, M = mel bands, P = bands of patches,
D = frames that a network reads, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ludwig.encoders.audio_mel import FRAME, HOP, AstMel, WhisperMel, frames_of
from ludwig.encoders.audio_pretrained_base import (
    AudioReduction,
    Heard,
    PretrainedAudioEncoder,
    brought_to,
    there,
    weights_of,
)
from ludwig.encoders.base import ENCODERS
from ludwig.features.audio import AudioFacts
from ludwig.schema import param

FRAMES_OF_STEP = 2  # of a step of Whisper, whose second convolution has that stride
MEAN, STD = -4.2677393, 4.5689974  # of mel spectrograms of AudioSet, where a model names no others
TOKENS_BEFORE = 2  # the patches: the class token, and that of distillation


@ENCODERS.register("whisper", kinds=("audio",))
class WhisperEncoder(PretrainedAudioEncoder):
    """The encoder of Whisper, a recogniser of speech in many languages, trained on 680 000 hours of the web.

    Use it for what is spoken, in any language and in noise. Each sound costs as much as one of 30 s, to which it is
    filled with silence; longer ones are cut. The usual one has 21 million weights and a step every 20 ms. Reductions
    see the steps of the sound, and not those of the silence behind it.

    Takes samples at 16 kHz [B, N, 1]; gives a vector [B, H], or with `reduce_output: null` the states of all steps
    [B, T, H], at most 1500.

    Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: whisper
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedAudioEncoder.Config):
        families: ClassVar[tuple[str, ...]] = ("whisper",)
        usual: ClassVar[Mapping[str, Any]] = {
            "d_model": 512,
            "encoder_layers": 6,
            "encoder_attention_heads": 8,
            "encoder_ffn_dim": 2048,
        }
        settled: ClassVar[Mapping[str, Any]] = {
            "decoder_layers": 0,  # which would generate texts
            "encoder_layerdrop": 0.0,  # a layer that is skipped has no gradients
        }
        usual_source: ClassVar[str] = "openai/whisper-base"
        pretrained_model_name_or_path: str = weights_of(usual_source)

    def __init__(self, config: Config, facts: Sequence[AudioFacts]) -> None:
        super().__init__(config, facts)
        self.mel = WhisperMel(int(self.description["num_mel_bins"]))

    def prepared(self, network: Any) -> Any:
        super().prepared(network)
        network.embed_positions.requires_grad_(False)  # sines, which were never trained
        return network

    def most_samples(self) -> int:
        return int(self.description["max_source_positions"]) * FRAMES_OF_STEP * HOP

    def steps_of(self, samples: int) -> int:
        return max(min(-(-samples // (FRAMES_OF_STEP * HOP)), int(self.description["max_source_positions"])), 1)

    def hear(self, waves: Tensor, lengths: Tensor) -> Heard:
        mels = self.mel(brought_to(waves, self.most_samples()))  # [B, M, D]
        states: Tensor = self.network(input_features=mels).last_hidden_state  # [B, T, H]
        steps = (lengths + FRAMES_OF_STEP * HOP - 1).div(FRAMES_OF_STEP * HOP, rounding_mode="floor").clamp_min(1)
        return Heard(states, there(steps, states.shape[1]), states[:, 0])


@ENCODERS.register("ast", kinds=("audio",))
class AstEncoder(PretrainedAudioEncoder):
    """Audio spectrogram transformer (AST): a vision transformer over patches of a mel spectrogram.

    Use it for noises, music and events, on whose classes (AudioSet) the usual one was trained; it has 86 million
    weights. Each sound costs as much as one of 10.24 s, to which it is filled with silence; longer ones are cut. Lower
    `architecture.max_length` for short sounds where it is trained from scratch.

    Takes samples at 16 kHz [B, N, 1]; gives a vector [B, H]: the mean of its class and its distillation token
    (`cls_pooled`), or a reduction of the patches of the sound; with `reduce_output: null` their means over the bands
    [B, T, H].

    Source: Gong et al. 2021, "AST: Audio Spectrogram Transformer", arXiv:2104.01778.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: ast
      use_pretrained: false
      architecture:
        max_length: 200
        hidden_size: 64
        intermediate_size: 128
        num_hidden_layers: 2
        num_attention_heads: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedAudioEncoder.Config):
        families: ClassVar[tuple[str, ...]] = ("audio-spectrogram-transformer",)
        reduce_output: AudioReduction | None = param(
            "cls_pooled",
            help="Reduction of the states to one vector: cls_pooled (the class tokens), or mean or last of the steps; "
            "null keeps all steps.",
        )
        usual_source: ClassVar[str] = "MIT/ast-finetuned-audioset-10-10-0.4593"
        pretrained_model_name_or_path: str = weights_of(usual_source)

    def __init__(self, config: Config, facts: Sequence[AudioFacts]) -> None:
        super().__init__(config, facts)
        self.mel = AstMel(int(self.description["num_mel_bins"]))
        scales = self.preparation.get("do_normalize", True)
        self.mean = float(self.preparation.get("mean", MEAN)) if scales else 0.0
        self.scale = 2 * float(self.preparation.get("std", STD)) if scales else 1.0

    def _patches(self, size: str, stride: str) -> int:
        """How many patches lie side by side along the time or the bands."""
        side = int(self.description["patch_size"])
        return (int(self.description[size]) - side) // int(self.description[stride]) + 1

    def most_samples(self) -> int:
        return FRAME + HOP * (int(self.description["max_length"]) - 1)

    def steps_of(self, samples: int) -> int:
        frames = max((samples - FRAME) // HOP + 1, 1)
        return min(-(-frames // int(self.description["time_stride"])), self._patches("max_length", "time_stride"))

    def hear(self, waves: Tensor, lengths: Tensor) -> Heard:
        frames = frames_of(lengths.clamp_min(FRAME))  # [B]
        mels = self.mel(brought_to(waves, self.most_samples()))  # [B, D, M]
        mels = mels.masked_fill(~there(frames, mels.shape[1]).unsqueeze(-1), 0.0)  # as in its training
        found = self.network(input_values=(mels - self.mean) / self.scale)
        bands = self._patches("num_mel_bins", "frequency_stride")
        patches = found.last_hidden_state[:, TOKENS_BEFORE:].unflatten(1, (bands, -1))  # [B, P, T, H]
        stride = int(self.description["time_stride"])
        steps = (frames + stride - 1).div(stride, rounding_mode="floor")
        return Heard(patches.mean(1), there(steps, patches.shape[2]), found.pooler_output)
