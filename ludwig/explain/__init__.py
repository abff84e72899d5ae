"""Which inputs a model rests on, for a row and on the whole."""

from ludwig.explain.explanation import (
    Explanation,
    ExplanationsResult,
    FeatureAttribution,
    LabelExplanation,
)
from ludwig.explain.function import predict_function
from ludwig.explain.integrated_gradients import IntegratedGradientsExplainer
from ludwig.explain.permutation import permutation_importance
from ludwig.explain.picture import save_importances, save_row

__all__ = [
    "Explanation",
    "ExplanationsResult",
    "FeatureAttribution",
    "IntegratedGradientsExplainer",
    "LabelExplanation",
    "permutation_importance",
    "predict_function",
    "save_importances",
    "save_row",
]
