"""Temperature scaling: probabilities that are right as often as they say.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2.

N = rows of the split
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.models.base import Model
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output

ITERATIONS = 50


def calibrate(model: Model, frame: Frame, batch_size: int, device: torch.device) -> None:
    """Learns the temperature of each output that is calibrated, from the logits of a split that was not trained on."""
    outputs = {name: output for name, output in model.outputs.items() if output.is_calibrated}
    if not outputs:
        return
    gathered: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in outputs}
    model.eval()
    with torch.no_grad():
        for batch in batches(frame, batch_size, device):
            predictions = model.predict(batch)
            for name in outputs:
                seen = predictions[name]
                gathered[name].append((seen.logits, seen.hidden, model.target(name, batch)))
    for name, output in outputs.items():
        logits, hidden, target = (torch.cat(parts) for parts in zip(*gathered[name], strict=True))
        output.temperature.fill_(_temperature(output, Prediction(logits, hidden), target))


def _temperature(output: Output, seen: Prediction, target: Tensor) -> float:
    """The temperature with the least loss. It is learned as a logarithm, so that it stays above zero."""
    log_temperature = torch.zeros((), device=seen.logits.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = output.loss_of(dataclasses.replace(seen, logits=seen.logits / log_temperature.exp()), target)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp())
