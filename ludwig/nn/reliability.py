"""How well calibrated probabilities are: of those near 0.8, 80% should be right.

Probabilities are either of one class of several, [N, C] with class ids [N], or of yes, like their targets of 0 and 1:
[N], or [N, L] where a row has many labels.

N = rows, C = classes, L = labels, A = answers: rows, or labels of rows
"""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15


def confidence_and_hits(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The confidence of each answer, and whether it is right: [A], [A].

    Of several classes it is the probability of the best one and whether that is the target's; of yes or no it is the
    probability of yes and whether it is yes.
    """
    if probabilities.dim() == target.dim():
        return probabilities.flatten(), (target > 0).flatten()
    confidence, best = probabilities.max(-1)  # [N]
    return confidence, best == target


def binned(confidence: Tensor, hits: Tensor, there: Tensor, weights: Tensor | None = None) -> Tensor:
    """Number of answers, hits and sum of confidences in equal bins of confidence, of those that are there: [3, BINS].

    With the weights of rows, [N], each answer counts as much as its row.

    A bin has its upper bound and not its lower one, as in Guo et al. 2017, arXiv:1706.04599, section 2.
    """
    place = (confidence.nan_to_num(0.0) * BINS).ceil().long().clamp(1, BINS) - 1  # [A]
    marks = place.unsqueeze(-1) == torch.arange(BINS, device=place.device)  # [A, BINS]
    sums = torch.stack([torch.ones_like(confidence), hits.to(confidence.dtype), confidence])  # [3, A]
    sums = sums if weights is None else sums * of_answers(weights.to(confidence.dtype), len(confidence))
    return sums.masked_fill(~there, 0.0) @ marks.to(confidence.dtype)


def expected_calibration_error(bins: Tensor) -> float | None:
    """The mean, over the answers, of the gap between confidence and share of hits in their bin; None without answers.

    Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI;
    Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    answers, hits, confidences = bins.cpu().double()  # [BINS] each
    count = float(answers.sum())
    return float((hits - confidences).abs().sum()) / count if count else None


def of_answers(weights: Tensor, answers: int) -> Tensor:
    """The weights of rows, [N], for each of their answers: [A]."""
    return weights.repeat_interleave(answers // max(len(weights), 1))


def negative_log_likelihood(probabilities: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean of -ln of the probability of what is true, by the weights of rows, [N], where there are any: [].

    A probability of zero counts as the smallest step from 1.
    """
    if probabilities.dim() == target.dim():
        of_truth = torch.where(target > 0, probabilities, 1 - probabilities)
    else:
        of_truth = probabilities.gather(-1, target.long().unsqueeze(-1))  # [N, 1]
    losses = -of_truth.clamp_min(torch.finfo(probabilities.dtype).eps).log().flatten()  # [A]
    if weights is None:
        return losses.mean()
    shares = of_answers(weights.to(losses.dtype), len(losses))
    return (losses * shares).sum() / shares.sum()
