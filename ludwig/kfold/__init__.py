"""Cross-validation: a model for each fold, evaluated on the rows that it was not trained on."""

from ludwig.kfold.folds import Folding, Splitter
from ludwig.kfold.picture import save_spread
from ludwig.kfold.run import Evaluation, Kept, cross_validate

__all__ = ["Evaluation", "Folding", "Kept", "Splitter", "cross_validate", "save_spread"]
