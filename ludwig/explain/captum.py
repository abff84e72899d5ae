"""The explainer under the name by which scripts import it."""

from ludwig.explain.integrated_gradients import IntegratedGradientsExplainer

__all__ = ["IntegratedGradientsExplainer"]
