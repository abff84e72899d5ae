"""Image outputs: the class of each pixel (semantic segmentation).

B = rows of the batch, K = ensemble members, C = classes, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.image import ImageFacts, ImageFeature
from ludwig.features.masks import labels_of
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.maps import resized
from ludwig.nn.prediction import Prediction
from ludwig.nn.reduce import ReductionName
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "unet", "image")
LOSS = Chosen(LOSSES, "softmax_cross_entropy", "image")


@OUTPUTS.register("image", kinds=("ecd",))
class ImageOutput(DecodedOutput):
    """Image output: semantic segmentation, the class of each pixel of an input image. Predictions are masks with the
    values or colours that the classes have in the data.

    Takes a vector [B, H] and the maps of an image encoder; logits are [B, C, H, W], predictions [B, H, W].

    ```yaml
    name: mask
    type: image
    decoder: {type: unet}
    loss: dice
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = ImageFeature
        reported = ("mean_iou", "pixel_accuracy")
        default_metric = "loss"
        summarized = ("mean_iou", "pixel_accuracy")
        follows_image: ClassVar[bool] = True

        reduce_input: ReductionName | None = param(
            None, help="Reduction of a combined sequence to one vector before the decoder; null keeps the sequence."
        )
        reduce_dependencies: ReductionName | None = param(
            None, help="Reduction of the hidden vectors of `dependencies` where they are sequences; null keeps them."
        )
        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the maps of an image encoder into the class of each pixel."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: ImageFeature.TargetConfig = param(
            ImageFeature.TargetConfig, help="Preprocessing of the target column."
        )

    config: Config
    facts: ImageFacts

    @property
    def labels(self) -> tuple[str, ...]:
        return labels_of(self.facts.palette)

    @property
    def size(self) -> int:
        return len(self.facts.palette)

    def shaped(self, logits: Tensor) -> Tensor:
        return resized(logits, (self.facts.height, self.facts.width))  # [B, C, H, W]

    def joined(self, logits: Tensor) -> Tensor:
        """Those of the mean of the softmax probabilities: [B, K, C, H, W] -> [B, C, H, W]."""
        return logits.log_softmax(2).logsumexp(1) - math.log(logits.shape[1])

    def complete(self, prediction: Prediction) -> Prediction:
        ids = self.final(prediction).known_logits.argmax(1)  # [B, H, W]
        return dataclasses.replace(prediction, predictions=ids.to(torch.int16))

    def answer(self, probabilities: Tensor) -> Prediction:
        """Alike at all pixels."""
        ids = probabilities.argmax(-1).view(-1, 1, 1).expand(-1, self.facts.height, self.facts.width)  # [B, H, W]
        return Prediction(None, probabilities.new_empty((len(ids), 0)), ids, probabilities)

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        true, found = np.asarray(target, np.int64).ravel(), np.asarray(columns["predictions"], np.int64).ravel()
        known = true >= 0
        pairs = np.bincount(true[known] * self.size + found[known], minlength=self.size**2)
        counts = pairs.reshape(self.size, self.size)  # [true, predicted]
        return {
            "confusion_matrix": counts.tolist(),
            "per_class_stats": {label: _overlap(counts, place) for place, label in enumerate(self.labels)},
        }


def _overlap(counts: Any, place: int) -> dict[str, float | int]:
    """How the pixels of one class overlap; zero where there are none to divide by."""
    both, predicted, true = int(counts[place, place]), int(counts[:, place].sum()), int(counts[place].sum())
    return {
        "iou": both / max(predicted + true - both, 1),
        "precision": both / max(predicted, 1),
        "recall": both / max(true, 1),
        "pixels": true,
    }
