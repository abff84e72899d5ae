"""The decoder of anomaly scores.

B = rows of the batch, K = ensemble members, H = size of the vector, R = size of the space of the sphere
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.nn.ensemble import linear, start_linear
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param

SPACE = 32  # R
LEAST_COORDINATE = 0.1  # of the centre: a coordinate of zero could be met by a weight of zero


@DECODERS.register("anomaly", kinds=("anomaly",))
class AnomalyDecoder(Decoder):
    """The anomaly score: the squared distance of a linear image of the hidden vector from a fixed centre, divided by
    that of an average row at the start.

    The centre is the mean image of the first training batch, before any step, with coordinates pushed away from zero;
    it is saved with the model. Neither the linear map nor, by default, the fully connected layers have biases, with
    which a network could give the centre itself for every row (Ruff et al. 2018, proposition 2).

    Takes a vector [B, H] or members [B, K, H]; gives [B, 1] or [B, K, 1].

    Source: Ruff et al. 2018, "Deep One-Class Classification", ICML, section 3.

    ```yaml
    name: is_fraud
    type: anomaly
    decoder:
      type: anomaly
      num_fc_layers: 1
      fc_output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        fc_use_bias: bool = param(
            False, help="Whether each fully connected layer adds a bias, with which the sphere may collapse to a point."
        )

    center: Tensor  # [R] or [K, R]
    spread: Tensor  # [] or [K, 1], mean squared distance from it at the start
    ready: Tensor  # [], whether they are fitted

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.linear = linear(self.hidden_shape.size, SPACE, members=self.members, bias=False)
        start_linear(self.linear, "xavier_uniform", "zeros")
        own = () if self.members is None else (self.members,)
        self.register_buffer("center", torch.zeros(*own, SPACE))
        self.register_buffer("spread", torch.ones(*own, 1))
        self.register_buffer("ready", torch.zeros(()))

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        hidden = self.fc_stack(signal.values, signal.mask)
        image = self.linear(hidden)  # [B, R] or [B, K, R]
        if self.training and len(image):
            self._fit(image.detach().to(self.center.dtype))
        return Prediction(self._scores(image), hidden, mask=signal.mask)

    def head(self, hidden: Tensor) -> Tensor:
        return self._scores(self.linear(hidden))

    def perturbed(self, signal: Signal, strength: float, steps: int) -> Tensor:
        """The scores of vectors beside those that came in, where these look most normal: [B, 1] or [B, K, 1].

        Each lies as far away as a share of the vector's own length, in the direction that descent on the score finds.
        """
        values = signal.values.detach()
        length = strength * values.norm(dim=-1, keepdim=True)
        move = torch.zeros_like(values)
        for step in range(steps):
            move = move.detach().requires_grad_()
            score = self.head(self.fc_stack(values + move)).float().sum()
            slope = torch.autograd.grad(score, move)[0]
            ahead = move.detach() - length / (step + 1) * _unit(slope)
            move = length * _unit(ahead)
        return self.head(self.fc_stack(signal.values + move.detach()))

    def _scores(self, image: Tensor) -> Tensor:
        exact = image.to(torch.promote_types(image.dtype, torch.float32))  # squares overflow in float16
        distances: Tensor = (exact - self.center).square().mean(-1, keepdim=True)  # [B, 1] or [B, K, 1]
        scores: Tensor = distances / self.spread
        return scores

    @torch.no_grad()
    def _fit(self, image: Tensor) -> None:
        """Sets the centre by the first batch, without waiting for the device."""
        mean = image.mean(0)  # [R] or [K, R]
        away = torch.where(mean < 0, -1.0, 1.0) * mean.abs().clamp_min(LEAST_COORDINATE * mean.abs().mean())
        spread = (image - away).square().mean(-1, keepdim=True).mean(0).clamp_min(torch.finfo(image.dtype).eps)
        self.center.copy_(torch.where(self.ready > 0, self.center, away))
        self.spread.copy_(torch.where(self.ready > 0, self.spread, spread))
        self.ready.fill_(1.0)


def _unit(values: Tensor) -> Tensor:
    """Vectors of length one in the same direction."""
    length: Tensor = values.norm(dim=-1, keepdim=True)
    return values / length.clamp_min(torch.finfo(values.dtype).tiny)
