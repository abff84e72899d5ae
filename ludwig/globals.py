"""The version and the names of the files that a run and a saved model consist of."""

LUDWIG_VERSION = "0.18.0"
FORMAT_VERSION = 2  # of a saved model's directory; a newer one is refused

MODEL_FILE_NAME = "model"
MODEL_WEIGHTS_FILE_NAME = "model_weights"  # the folder of an adapter, and the stem of the file of other weights
MODEL_SAFETENSORS_FILE_NAME = f"{MODEL_WEIGHTS_FILE_NAME}.safetensors"
MODEL_ASSETS_DIR_NAME = "assets"
MODEL_ADAPTER_DIR_NAME = MODEL_WEIGHTS_FILE_NAME
ONLINE_TRAINING_DIR_NAME = "online_training"  # optimizer and averages of a model that was trained online
MODEL_HYPERPARAMETERS_FILE_NAME = "model_hyperparameters.json"
MODEL_MANIFEST_FILE_NAME = "manifest.json"
TRAIN_SET_METADATA_FILE_NAME = "training_set_metadata.json"
TRAINING_PROGRESS_TRACKER_FILE_NAME = "training_progress.json"
TRAINING_CHECKPOINTS_DIR_PATH = "training_checkpoints"
DESCRIPTION_FILE_NAME = "description.json"
TRAINING_STATISTICS_FILE_NAME = "training_statistics.json"
TEST_STATISTICS_FILE_NAME = "test_statistics.json"
TRAINING_REPORT_FILE_NAME = "training_report.json"
MODEL_CARD_FILE_NAME = "model_card.md"
PREDICTIONS_PARQUET_FILE_NAME = "predictions.parquet"
PREDICTIONS_SHAPES_FILE_NAME = "predictions.shapes.json"
PREDICTIONS_FILES_FILE_NAME = "predictions.files.json"
UNPROCESSED_FILES_FILE_NAME = "unprocessed.files.json"
LOGS_DIR_NAME = "logs"
HYPEROPT_STATISTICS_FILE_NAME = "hyperopt_statistics.json"
CONFIG_YAML = "config.yaml"
