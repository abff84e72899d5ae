"""Permutation importance: how much worse a metric gets where the cells of an input are shuffled among the rows.

Source: Breiman 2001, "Random Forests", section 10; Fisher, Rudin & Dominici 2019, "All Models are Wrong, but Many are
Useful", arXiv:1801.01489.

N = rows
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from ludwig.api import LudwigModel
from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.error import ArgumentError, InputDataError, nearest
from ludwig.explain.subject import network_of, output_of, rows_for, with_encoders
from ludwig.inference.evaluation import count, rows_for_evaluation
from ludwig.lifecycle.held import Data, within_call
from ludwig.models import Model
from ludwig.outputs.base import Output
from ludwig.runtime.arguments import seed_of, whole_number


def permutation_importance(
    model: LudwigModel,
    dataset: Data,
    output_feature: str,
    metric: str | None = None,
    repeats: int = 5,
    random_seed: int = 42,
) -> pd.Series:
    """How much worse a metric of an output gets where an input's column is shuffled, so that its cells belong
    to other rows.

    Use it to see which inputs the quality of a model rests on; take rows that it was not trained on. An input that
    others can stand in for seems to matter little, though without all of them the model would be far worse.

    Args:
        model: A trained model with an encoder for each input.
        dataset: Rows with targets, two at least.
        output_feature: The output whose metric is computed.
        metric: Any metric or loss that may be a validation metric of this output; null for the usual one of its type.
        repeats: How often each column is shuffled; the result is the mean.
        random_seed: Of the permutations, which are the same ones for each column.

    Returns:
        By input, the most important first: by how much the metric falls where higher is better, and rises where lower
        is better, in its own units. Inputs that read one column are shuffled together and have one value.

    Raises:
        ArgumentError: There is no such output or metric, or the metric cannot be computed of these rows.
        InputDataError: A column is missing, has cells that do not fit, or there are fewer than two rows.
        NotTrainedError: The model is not trained or loaded.

    ```python
    permutation_importance(model, test_rows, "churn", metric="roc_auc")
    ```
    """
    network = with_encoders(network_of(model), "Importances by permutation")
    output = output_of(network, output_feature, "output_feature")
    metric = _metric_of(output, metric)
    repeats, random_seed = whole_number("repeats", repeats, 1), seed_of(random_seed)
    with within_call(model):
        frame = rows_for(model, dataset, "dataset", with_targets=True).frame
        if len(frame) < 2:
            raise InputDataError("dataset must have two rows or more that can be used. It has one.")
        by_column: dict[str, list[str]] = {}
        for spec in model.config_obj.resolve(model.assets)[0]:
            by_column.setdefault(spec.column, []).append(spec.name)
        generator = np.random.default_rng(random_seed)
        orders = [torch.from_numpy(generator.permutation(len(frame))) for _ in range(repeats)]
        before = _value(network, output, metric, frame, model.device)
        sign = 1 if output.config.direction(metric) == "minimize" else -1
        worse: dict[str, float] = {}
        for names in by_column.values():
            shuffled = (frame.reordered(names, order.to(frame.device)) for order in orders)
            after = [_value(network, output, metric, each, model.device) for each in shuffled]
            worse |= dict.fromkeys(names, sign * (float(np.mean(after)) - before))
    found = pd.Series([worse[name] for name in network.input_names()], network.input_names(), float, metric)
    return found.sort_values(ascending=False, kind="stable")


def _metric_of(output: Output, metric: str | None) -> str:
    known = output.config.metric_names()
    if metric is None:
        return str(output.config.default_metric)
    if metric not in known:
        raise ArgumentError(
            f"metric: The output '{output.name}' has no metric {metric!r:.100}.{nearest(metric, known)} "
            f"It has: {', '.join(known)}."
        )
    return metric


def _value(network: Model, output: Output, metric: str, frame: Frame, device: torch.device) -> float:
    """The metric over all rows.

    Raises:
        ArgumentError: It cannot be computed of them.
    """
    network.eval()
    scores = output.scoreboard(metric)
    size = rows_for_evaluation(network, frame, 1)
    with torch.inference_mode():
        count(network, batches(frame, size, device), {output.name: scores})
    found = scores.compute()
    name = "loss" if metric == output.config.loss.type and metric not in found else metric
    if name not in found:
        raise ArgumentError(
            f"metric: '{metric}' of the output '{output.name}' cannot be computed of these rows: they may all be of "
            f"one class. Choose one of: {', '.join(found)}."
        )
    return found[name]
