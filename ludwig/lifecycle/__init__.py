"""What becomes of a model over its life: trained, trained further, used to predict, saved, loaded.

Each function is one act of the facade. It is handed the model that it acts on and brings together the rooms below.
"""

from ludwig.lifecycle.data import preprocess
from ludwig.lifecycle.experiment import experiment
from ludwig.lifecycle.folds import fold_data, fold_state, parsed_table
from ludwig.lifecycle.held import DEFAULT_SEED, FULL, TEST, Data, Given, Held, Kept, trained
from ludwig.lifecycle.inspection import collect_activations, collect_weights
from ludwig.lifecycle.prediction import Statistics, evaluate, predict
from ludwig.lifecycle.saved import bare_network, change_config, load_weights, restore, save, save_config
from ludwig.lifecycle.shown import as_html, as_line
from ludwig.lifecycle.training import train, train_online

__all__ = [
    "DEFAULT_SEED",
    "FULL",
    "TEST",
    "Data",
    "Given",
    "Held",
    "Kept",
    "Statistics",
    "as_html",
    "as_line",
    "bare_network",
    "change_config",
    "collect_activations",
    "collect_weights",
    "evaluate",
    "experiment",
    "fold_data",
    "fold_state",
    "load_weights",
    "parsed_table",
    "predict",
    "preprocess",
    "restore",
    "save",
    "save_config",
    "train",
    "train_online",
    "trained",
]
