"""Which weights shrink: all of them, or all but biases, norms and embeddings.

Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101, leave the choice open;
that these stay as they are is the custom of transformers since Devlin et al. 2019, arXiv:1810.04805, appendix A.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from ludwig.nn.embedding import Table
from ludwig.training.optim.base import Group

Exempt = Literal["biases", "norms", "embeddings"]
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag, Table)


def groups_of(model: nn.Module, learned: Sequence[nn.Parameter], exempt: Sequence[Exempt]) -> list[Group]:
    """The learned weights in two groups, of which the second does not shrink. An empty group is left out."""
    kept = {id(weight) for module in model.modules() for weight in _exempt_weights(module, exempt)}
    groups: list[Group] = [
        {"params": [weight for weight in learned if id(weight) not in kept]},
        {"params": [weight for weight in learned if id(weight) in kept], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _exempt_weights(module: nn.Module, exempt: Sequence[Exempt]) -> list[nn.Parameter]:
    own = dict(module.named_parameters(recurse=False))
    is_norm = type(module).__name__.endswith("Norm") or isinstance(module, nn.modules.batchnorm._NormBase)
    if (is_norm and "norms" in exempt) or (isinstance(module, EMBEDDINGS) and "embeddings" in exempt):
        return list(own.values())
    return [weight for name, weight in own.items() if "bias" in name and "biases" in exempt]
