"""The data of a call: read, fitted and encoded, unless it is already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ludwig.api_types import PreprocessedDataset
from ludwig.callbacks import Callback, CallbackList
from ludwig.config import names_as_written, proc_column
from ludwig.data.dataset import Dataset
from ludwig.data.pipeline import Pipeline, Rows, fitted_state
from ludwig.data.preprocess import Prepared
from ludwig.data.reading import Sources, given_sources
from ludwig.data.rows import to_json
from ludwig.data.sources import Source
from ludwig.error import ArgumentError, InputDataError, LudwigError, NoSuchFileError
from ludwig.lifecycle.held import DEFAULT_SEED, FULL, Data, Given, Held, Metadata, sets_of, within_call
from ludwig.models.base import FeatureSpec
from ludwig.runtime.arguments import path_of, seed_of
from ludwig.runtime.atomic import read_json
from ludwig.schema import dump


def preprocess(
    held: Held, given: Given, seed: int, callbacks: list[Callback] | None, *, saves: bool
) -> PreprocessedDataset:
    """Reads, splits, fits and encodes; a trained model keeps the fitted state and the split that it was trained on."""
    seed = seed_of(seed)
    with within_call(held):
        hooks = CallbackList(held.callbacks).plus(callbacks)
        data, _ = training_data(held, given, seed, hooks, saves=saves)
        if held.model is None:
            held.training_set_metadata = data.training_set_metadata
        return data


def training_data(
    held: Held, given: Given, seed: int, hooks: CallbackList, *, saves: bool
) -> tuple[PreprocessedDataset, Sources]:
    """The data of a training, prepared unless it is already, and the sources that it came from.

    Raises:
        ArgumentError: There is none, or too much of it, or preprocessed data goes with data that is not.
    """
    sources = given_sources(given.dataset, given.training_set, given.validation_set, given.test_set)
    if isinstance(given.dataset, PreprocessedDataset):
        _refuse_other_config(held, given.dataset.training_set, with_targets=True)
        return given.dataset, {}
    if not any(isinstance(source, Dataset | PreprocessedDataset) for source in sources.values()):
        return _preprocessed(held, sources, given, seed, hooks, saves=saves), sources
    sets = {name: source for name, source in sources.items() if isinstance(source, Dataset)}
    if sets.keys() != sources.keys() or "training_set" not in sets:
        raise ArgumentError(
            "Preprocessed data must be given as `dataset`, all that `preprocess` returned, or as `training_set`, "
            f"`validation_set` and `test_set`, its splits. Received: {_kinds(sources)}."
        )
    for rows in sets.values():
        _refuse_other_config(held, rows, with_targets=True)
    known = _read_metadata(given.metadata) or held.training_set_metadata
    if known is None:
        raise ArgumentError("Preprocessed sets need `training_set_metadata`, which `preprocess` gave with them.")
    return PreprocessedDataset(sets["training_set"], sets.get("validation_set"), sets.get("test_set"), dict(known)), {}


def _refuse_other_config(held: Held, data: Dataset, *, with_targets: bool) -> None:
    """Raises where preprocessed data was not preprocessed by this config."""
    inputs, outputs = held.config_obj.resolve(held.assets)
    besides = held.config_obj.besides(held.assets)
    for spec in (*inputs, *((*outputs, *besides) if with_targets else ())):
        if data.features.get(spec.name) != proc_column(spec):
            raise InputDataError(
                f"The preprocessed data is that of another config: the {spec.feature.where} "
                f"{'is read otherwise there' if spec.name in data.features else 'is not in it'}. Preprocess it again."
            )


def _kinds(sources: Sources) -> str:
    return ", ".join(f"{name} is a {type(source).__name__}" for name, source in sources.items())


def _preprocessed(
    held: Held, sources: Sources, given: Given, seed: int, hooks: CallbackList, *, saves: bool
) -> PreprocessedDataset:
    def prepared() -> PreprocessedDataset:
        metadata, pipeline = _known_metadata(held, given.metadata), pipeline_of(held, hooks)
        found = pipeline.for_training(sources, given.data_format, metadata, seed, save_cache=saves)
        return as_datasets(held, found, seed)

    return between_hooks(held, hooks, prepared)


def between_hooks(held: Held, hooks: CallbackList, prepare: Callable[[], PreprocessedDataset]) -> PreprocessedDataset:
    """What is prepared between the calls of the hooks, the last of which comes also after an error."""
    hooks.on_preprocess_start(held.config)
    result: PreprocessedDataset | None = None
    try:
        result = prepare()
    finally:
        training, validation, test = (None, None, None) if result is None else sets_of(result).values()
        metadata_found = None if result is None else result.training_set_metadata
        hooks.on_preprocess_end(training, validation, test, metadata_found)
    return result


def pipeline_of(held: Held, hooks: CallbackList) -> Pipeline:
    """What prepares data by the model's config."""

    def resolve(folder: Path | None) -> tuple[Sequence[FeatureSpec], Sequence[FeatureSpec], Sequence[FeatureSpec]]:
        config = held.config_obj
        return (*config.resolve(held.assets, folder), config.besides(held.assets, folder))

    backend, written = held.backend, names_as_written(held.user_config)
    return Pipeline(held.config_obj, resolve, backend.fit, backend.cache_dir, hooks, backend.cache_limits, written)


def _known_metadata(held: Held, metadata: Metadata | None) -> Mapping[str, Any] | None:
    known = _read_metadata(metadata)
    if known is None and held.model is not None:
        return held.training_set_metadata
    return known


def refuse_other_state(held: Held, metadata: Metadata | None) -> None:
    """Raises where a call brings another fitted state than the one that the network was built for."""
    own, other = held.training_set_metadata or {}, _read_metadata(metadata)
    inputs, outputs = held.config_obj.resolve(held.assets)
    for spec in (*inputs, *outputs) if other is not None else ():
        if fitted_state([spec], own) != fitted_state([spec], other or {}):
            raise InputDataError(
                f"training_set_metadata: The fitted preprocessing state of the {spec.feature.where} is not that of the "
                "trained model, whose network is built for its own. Leave training_set_metadata out."
            )


def _read_metadata(metadata: Metadata | None) -> Mapping[str, Any] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, str | PathLike):
        return _section_of(metadata, "training_set_metadata")
    path = path_of("training_set_metadata", metadata)
    where = f"training_set_metadata: '{path!s:.300}'"
    try:
        return _section_of(read_json(path), where)
    except FileNotFoundError:
        raise NoSuchFileError(f"{where} is not there.") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, LudwigError):
            raise
        raise InputDataError(f"{where} cannot be read as JSON: {error!s:.200}.") from None


def _section_of(metadata: object, where: str) -> Mapping[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InputDataError(
            f"{where} must be what `preprocess` returned, or the path of training_set_metadata.json. "
            f"Received: {metadata!r:.100}."
        )
    return metadata


def as_datasets(held: Held, prepared: Prepared, seed: int) -> PreprocessedDataset:
    """The splits with the fitted state, as users see them."""
    inputs, outputs = held.config_obj.resolve(held.assets)
    specs = [*inputs, *outputs, *held.config_obj.besides(held.assets)]
    names = {spec.name: proc_column(spec) for spec in specs}
    sections = {spec.name: {"preprocessing": dump(spec.feature.config)} for spec in specs}
    fitted = {name: facts.to_json() for name, facts in prepared.facts.items()}
    metadata = {**{name: {**values, **sections[name]} for name, values in fitted.items()}, "random_seed": seed}
    training = Dataset(prepared.training, names)
    validation = None if prepared.validation is None else Dataset(prepared.validation, names)
    test = None if prepared.test is None else Dataset(prepared.test, names, prepared.tested)
    return PreprocessedDataset(training, validation, test, metadata, rows=to_json(prepared.rows))


def rows_of(held: Held, given: Given, split: str, hooks: CallbackList, *, with_targets: bool) -> Rows:
    """The usable rows of a dataset, or of one of its splits."""
    metadata = held.training_set_metadata or {}
    seed = seed_of(metadata.get("random_seed", DEFAULT_SEED))
    dataset = _dataset_of(given.dataset, split)
    if isinstance(dataset, Dataset):
        _refuse_other_config(held, dataset, with_targets=with_targets)
    pipeline = pipeline_of(held, hooks)
    return pipeline.for_prediction(dataset, given.data_format, split, metadata, seed, with_targets=with_targets)


def _dataset_of(data: Data | None, split: str) -> Source | Dataset | None:
    if not isinstance(data, PreprocessedDataset):
        return data
    sets = {name: rows for name, rows in sets_of(data).items() if rows is not None}
    if split == FULL:
        return Dataset.joined(list(sets.values()))
    if split not in sets:
        raise ArgumentError(f"The preprocessed data has no {split} split. It has: {', '.join(sets)}.")
    return sets[split]
