"""The trained weights in groups that the optimizer moves alike: with or without weight decay, at a learning rate each.

Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101, leave open which weights
decay; that biases, norms and embeddings do not is the custom of transformers since Devlin et al. 2019,
arXiv:1810.04805, appendix A.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import nn

from ludwig.nn.embedding import Table
from ludwig.training.optim.base import Group

Exempt = Literal["biases", "norms", "embeddings"]
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag, Table)
FACTOR = "rate_factor"  # of a group: its learning rate is the run's times this


def parameter_groups(
    model: nn.Module, trained: Sequence[nn.Parameter], exempt: Sequence[Exempt], factors: Mapping[int, float]
) -> Sequence[nn.Parameter] | list[Group]:
    """The trained weights by learning rate and decay; one list where all are alike.

    Args:
        exempt: Which weights do not decay.
        factors: By the `id` of a weight: the factor of its learning rate, where that is not 1.
    """
    if not exempt and not factors:
        return trained
    kept = {id(weight) for module in model.modules() for weight in _exempt_weights(module, exempt)}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for weight in trained:
        groups.setdefault((factors.get(id(weight), 1.0), id(weight) in kept), []).append(weight)
    return [
        {"params": weights, FACTOR: factor, **({"weight_decay": 0.0} if is_exempt else {})}
        for (factor, is_exempt), weights in groups.items()
    ]


def _exempt_weights(module: nn.Module, exempt: Sequence[Exempt]) -> list[nn.Parameter]:
    own = dict(module.named_parameters(recurse=False))
    is_norm = type(module).__name__.endswith("Norm") or isinstance(module, nn.modules.batchnorm._NormBase)
    if (is_norm and "norms" in exempt) or (isinstance(module, EMBEDDINGS) and "embeddings" in exempt):
        return list(own.values())
    return [weight for name, weight in own.items() if "bias" in name and "biases" in exempt]
