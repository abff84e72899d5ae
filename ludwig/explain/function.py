"""A model as a function of a table, as programs that explain any function want it.

N = rows, C = classes
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.api import LudwigModel
from ludwig.error import ArgumentError
from ludwig.explain.subject import network_of, scored_output, with_encoders

PredictFunction = Callable[["pd.DataFrame | NDArray[np.generic]"], NDArray[np.float64]]


def predict_function(model: LudwigModel, target: str) -> PredictFunction:
    """One output of a model as a function of a table.

    Use it where a program explains, plots or tests any function, as SHAP and scikit-learn's inspection do.

    Args:
        model: A trained model with an encoder for each input.
        target: The output: binary, category, category_distribution or number.

    Returns:
        A function of a DataFrame, or of an array whose columns are those of the inputs in the order of the config. It
        gives the probability of each class [N, C], false before true, or the predicted numbers [N]; not a number (NaN)
        for rows that cannot be used.

    Raises:
        ArgumentError: There is no such output, or its rows have neither one class nor one number.
        NotTrainedError: The model is not trained or loaded.

    ```python
    shap.KernelExplainer(predict_function(model, "price"), background).shap_values(rows)
    ```
    """
    output = scored_output(with_encoders(network_of(model), "Functions of a model"), target, "target")
    columns = [*dict.fromkeys(spec.column for spec in model.config_obj.resolve(model.assets)[0])]
    key = "probabilities" if output.labels else "predictions"

    def predict(rows: pd.DataFrame | NDArray[np.generic]) -> NDArray[np.float64]:
        table = rows if isinstance(rows, pd.DataFrame) else _table(rows, columns)
        found, _ = model.predict(table, return_type=dict)
        return np.asarray(found[target][key], dtype=np.float64)  # [N, C] or [N]

    return predict


def _table(rows: object, columns: list[str]) -> pd.DataFrame:
    array = np.asarray(rows)
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise ArgumentError(
            f"The array must have the {len(columns)} columns {', '.join(columns)}. Received the shape {array.shape}."
        )
    return pd.DataFrame(array, columns=columns).infer_objects()
