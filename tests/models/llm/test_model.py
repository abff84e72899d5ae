import json
import logging
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import (
    ArgumentError,
    ArtifactError,
    ConfigValidationError,
    InputDataError,
    LudwigWarning,
    MissingExtraError,
    NotTrainedError,
)
from ludwig.explain import IntegratedGradientsExplainer, permutation_importance, predict_function

FULL_TUNING = {"type": "finetune", "epochs": 25, "batch_size": 4, "learning_rate": 0.005}


def trained(config, table, folder=None, **options):
    model = LudwigModel(config)
    return model, model.train(table, output_directory=None if folder is None else str(folder), **options)


@pytest.fixture(scope="module")
def fluent(base_model, tmp_path_factory):
    """(model, table, run) of a model whose weights were all trained until it answers right."""
    words = ["zero", "one", "two", "three", "four"]
    table = pd.DataFrame({"q": words[:4] * 4, "a": words[1:] * 4})
    config = {
        "model_type": "llm",
        "base_model": base_model,
        "input_features": [{"name": "q", "type": "text"}],
        "output_features": [{"name": "a", "type": "text"}],
        "prompt": {"template": "Question: {q}\nAnswer:"},
        "preprocessing": {"split": {"probabilities": [1.0, 0.0, 0.0]}},
        "trainer": FULL_TUNING,
        "generation": {"max_new_tokens": 8, "do_sample": False},
    }
    model, results = trained(config, table, tmp_path_factory.mktemp("results"))
    return model, table, results.output_directory


class TestFineTuning:
    def test_the_loss_falls_and_only_the_adapter_is_saved(self, declared, table, tmp_path):
        model, results = trained(declared(), table, tmp_path)
        losses = results.train_stats.training["a"]["loss"]
        assert losses[-1] < losses[0]
        saved = sorted(path.name for path in (tmp_path / "api_experiment_run/model/model_weights").iterdir())
        assert {"adapter_config.json", "adapter_model.safetensors"} <= set(saved)
        assert not (tmp_path / "api_experiment_run/model/model_weights.safetensors").exists()
        assert all("lora" in name for name in model.model.weights())

    def test_a_loaded_adapter_predicts_the_same(self, declared, table, tmp_path):
        model, _ = trained(declared(), table, tmp_path)
        again = LudwigModel.load(str(tmp_path / "api_experiment_run/model"))
        expected, _ = model.predict(table.head(3))
        found, _ = again.predict(table.head(3))
        pd.testing.assert_frame_equal(found, expected)
        assert again.config == model.config

    def test_the_base_weights_stay_as_they_are(self, declared, table, base_model):
        from safetensors.torch import load_file

        model, _ = trained(declared(), table)
        pretrained = load_file(f"{base_model}/model.safetensors")
        name = "model.embed_tokens.weight"
        kept = dict(model.model.network.pretrained.get_base_model().named_parameters())[name]
        torch.testing.assert_close(kept, pretrained[name], rtol=0, atol=0)

    def test_all_weights_are_trained_without_an_adapter(self, fluent):
        model, table, _ = fluent
        predictions, _ = model.predict(table)
        assert predictions["a_response"].tolist() == table["a"].tolist()

    def test_whole_weights_are_saved_and_loaded(self, fluent):
        model, table, run = fluent
        again = LudwigModel.load(f"{run}/model")
        pd.testing.assert_frame_equal(again.predict(table)[0], model.predict(table)[0])

    def test_a_resumed_run_ends_like_one_that_was_not_interrupted(self, declared, table, tmp_path):
        config = declared(trainer={"type": "finetune", "train_steps": 6, "batch_size": 4, "learning_rate": 0.01})
        whole, _ = trained(config, table, tmp_path / "whole")
        half = declared(trainer={"type": "finetune", "train_steps": 3, "batch_size": 4, "learning_rate": 0.01})
        trained(half, table, tmp_path / "half")
        resumed, _ = trained(config, table, model_resume_path=str(tmp_path / "half/api_experiment_run"))
        for name, weight in whole.model.weights().items():
            torch.testing.assert_close(resumed.model.weights()[name], weight)

    def test_a_model_folder_without_its_adapter_is_reported(self, declared, table, tmp_path):
        model, _ = trained(declared(), table)
        model.save(str(tmp_path / "m"))
        for file in (tmp_path / "m/model_weights").iterdir():
            file.unlink()
        (tmp_path / "m/model_weights").rmdir()
        with pytest.raises(ArtifactError, match="model_weights"):
            LudwigModel.load(str(tmp_path / "m"))


class TestLoss:
    @torch.no_grad()
    def test_it_is_the_cross_entropy_of_the_tokens_of_the_answer_alone(self, declared, base_model, table):
        """Against the library's own labels on one unpadded row after the other."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model, _ = trained(declared(trainer={"type": "none"}, adapter=None), table)
        statistics, *_ = model.evaluate(table)
        network, tokenizer = AutoModelForCausalLM.from_pretrained(base_model), AutoTokenizer.from_pretrained(base_model)
        total, count = 0.0, 0
        for question, answer in zip(table["q"], table["a"], strict=True):
            prompt = tokenizer(f"Question: {question}\nAnswer:")["input_ids"]
            wanted = [*tokenizer(f" {answer}", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            logits = network(torch.tensor([[*prompt, *wanted]])).logits[0, len(prompt) - 1 : -1]
            total += float(cross_entropy(logits, torch.tensor(wanted), reduction="sum"))
            count += len(wanted)
        assert statistics["a"]["loss"] == pytest.approx(total / count, rel=1e-5)
        assert statistics["a"]["perplexity"] == pytest.approx(np.exp(total / count), rel=1e-5)
        assert statistics["a"]["next_token_perplexity"] == statistics["a"]["perplexity"]

    @pytest.mark.parametrize("rows", [1, 5, 16])
    def test_neither_metrics_nor_predictions_depend_on_the_batch(self, fluent, rows):
        model, table, _ = fluent
        table = table.assign(q=[*table["q"][:-1], "one two three four zero one two"])
        expected, predicted, _ = model.evaluate(table, batch_size=3, collect_predictions=True)
        found, others, _ = model.evaluate(table, batch_size=rows, collect_predictions=True)
        assert found["a"] == pytest.approx(expected["a"], rel=1e-4)
        assert others["a_response"].tolist() == predicted["a_response"].tolist()
        np.testing.assert_allclose(others["a_probability"], predicted["a_probability"], rtol=1e-4)

    def test_accuracy_is_that_of_what_was_generated(self, fluent):
        model, table, _ = fluent
        right, *_ = model.evaluate(table)
        assert right["a"]["sequence_accuracy"] == right["a"]["token_accuracy"] == 1.0
        wrong, *_ = model.evaluate(table.assign(a=["five", *table["a"][1:]]))
        assert wrong["a"]["sequence_accuracy"] == pytest.approx(15 / 16)


class TestPredictions:
    def test_tokens_their_probabilities_and_the_text(self, fluent):
        model, table, _ = fluent
        predictions, _ = model.predict(table[["q"]].head(2))
        assert set(predictions) == {"a_predictions", "a_probabilities", "a_probability", "a_response"}
        row = predictions.iloc[0]
        assert "".join(row["a_predictions"]).replace("Ġ", " ").strip() == row["a_response"] == "one"
        assert len(row["a_probabilities"]) == len(row["a_predictions"])
        assert 0 < row["a_probability"] <= np.prod(row["a_probabilities"])  # that of the end counts too

    def test_the_probability_is_that_of_the_whole_answer(self, fluent):
        model, table, _ = fluent
        statistics, predictions, _ = model.evaluate(table.head(1), collect_predictions=True)
        tokens = len(predictions["a_predictions"].iloc[0]) + 1
        log_probability = np.log(predictions["a_probability"].iloc[0])
        assert log_probability == pytest.approx(-statistics["a"]["loss"] * tokens, rel=1e-4)

    def test_probabilities_are_the_same_when_rows_are_evaluated_one_by_one(self, fluent, monkeypatch):
        model, table, _ = fluent
        beams = {"num_beams": 2}
        expected, _ = model.predict(table.head(5), generation_config=beams)
        monkeypatch.setattr("ludwig.models.llm.network.NUMBERS", 1)
        found, _ = model.predict(table.head(5), generation_config=beams)
        np.testing.assert_allclose(found["a_probability"], expected["a_probability"], rtol=1e-5)

    def test_rows_that_are_given_up_are_null_and_no_rows_give_no_rows(self, declared, table):
        section = {"name": "q", "type": "text", "preprocessing": {"missing_value_strategy": "drop_row"}}
        model, _ = trained(declared(input_features=[section], trainer={"type": "none"}, adapter=None), table)
        with pytest.warns(LudwigWarning, match="1 of 2 rows dropped: 1 because the input 'q' is missing"):
            predictions, _ = model.predict(pd.DataFrame({"q": ["one", None]}))
        assert predictions["a_response"].isna().tolist() == [False, True]
        assert len(model.predict(table.head(0))[0]) == 0

    def test_an_empty_question_is_answered(self, fluent):
        model, *_ = fluent
        predictions, _ = model.predict(pd.DataFrame({"q": ["", None]}))
        assert predictions["a_response"].notna().all()

    def test_generation_is_overridden_for_one_call(self, fluent):
        model, table, _ = fluent
        short, _ = model.predict(table.head(2), generation_config={"max_new_tokens": 1})
        assert all(len(tokens) <= 1 for tokens in short["a_predictions"])
        assert model.predict(table.head(2))[0]["a_response"].tolist() == ["one", "two"]
        with pytest.raises(ArgumentError, match=r"max_new_token\b.*max_new_tokens"):
            model.predict(table.head(2), generation_config={"max_new_token": 1})

    @pytest.mark.parametrize("options", [{}, {"num_beams": 2}, {"top_k": None, "typical_p": 0.9}])
    def test_what_is_sampled_depends_on_the_row_alone(self, fluent, options):
        model, table, _ = fluent
        sampled = {"do_sample": True, "temperature": 9.0, "max_new_tokens": 3, **options}
        state = torch.get_rng_state()
        found = [model.predict(table.head(5), batch_size=size, generation_config=sampled)[0] for size in (5, 5, 2, 1)]
        assert torch.equal(torch.get_rng_state(), state)
        for other in found[1:]:
            assert other["a_response"].tolist() == found[0]["a_response"].tolist()
            np.testing.assert_allclose(other["a_probability"], found[0]["a_probability"], rtol=1e-4)
        greedy, _ = model.predict(table.head(5))
        assert found[0]["a_response"].tolist() != greedy["a_response"].tolist()

    def test_the_base_models_own_ends_and_options_are_used(self, declared, base_model, table, tmp_path):
        from transformers import GenerationConfig

        shutil.copytree(base_model, tmp_path / "base")
        config = declared(base_model=str(tmp_path / "base"), trainer={"type": "none"}, adapter=None)
        config["generation"] = {"max_new_tokens": 6}
        GenerationConfig(do_sample=False, eos_token_id=[2]).save_pretrained(tmp_path / "base")
        plain, _ = trained(config, table)
        first = plain.predict(table.head(1))[0]["a_predictions"].iloc[0]
        assert len(first) == 6
        token = plain.model.tokenizer.tokenizer.convert_tokens_to_ids(first[2])
        GenerationConfig(do_sample=False, eos_token_id=[2, token]).save_pretrained(tmp_path / "base")
        ending, _ = trained(config, table)
        ended = ending.predict(table.head(1))[0]["a_predictions"].iloc[0]
        assert list(ended) == list(first[: list(first).index(first[2]) + 1])
        ending.save(str(tmp_path / "saved"))
        again = LudwigModel.load(str(tmp_path / "saved"))
        assert list(again.predict(table.head(1))[0]["a_predictions"].iloc[0]) == list(ended)

    @pytest.mark.parametrize(
        "options", [{"num_beams": 2}, {"do_sample": True, "top_k": 1}, {"repetition_penalty": 1.2}]
    )
    def test_other_ways_to_write(self, fluent, options):
        model, table, _ = fluent
        predictions, _ = model.predict(table.head(3), generation_config=options)
        assert predictions["a_response"].str.len().gt(0).all()

    def test_files_are_written(self, fluent, tmp_path):
        model, table, _ = fluent
        model.predict(table.head(2), skip_save_predictions=False, output_directory=str(tmp_path))
        read = pd.read_parquet(tmp_path / "predictions.parquet")
        assert read["a_response"].tolist() == ["one", "two"]


class TestZeroShot:
    def test_a_text_is_generated_without_training(self, declared, table, tmp_path):
        model, results = trained(declared(trainer={"type": "none"}, adapter=None), table, tmp_path)
        assert results.train_stats.training == {}
        assert {"loss", "token_accuracy"} <= set(results.train_stats.validation["a"])
        assert {"loss", "token_accuracy"} <= set(results.train_stats.test["a"])
        again = LudwigModel.load(f"{results.output_directory}/model")
        pd.testing.assert_frame_equal(again.predict(table)[0], model.predict(table)[0])

    def test_the_training_split_is_evaluated_where_set_and_hooks_are_called(self, declared, table, capsys):
        seen = []

        class Hooks(Callback):
            def on_eval_end(self, trainer, progress_tracker, save_path, **kwargs):
                seen.append((trainer.total_steps, progress_tracker.steps))

        trainer = {"type": "none", "evaluate_training_set": True, "eval_steps": 1}
        model = LudwigModel(declared(trainer=trainer, adapter=None), logging_level=logging.INFO)
        results = model.train(table, output_directory=None, callbacks=[Hooks()])
        assert results.train_stats.training["a"]["loss"][0] > 0
        assert seen == [(0, 0)]

    def test_nothing_is_evaluated_where_that_is_skipped(self, declared, table):
        trainer = {"type": "none", "skip_all_evaluation": True}
        _, results = trained(declared(trainer=trainer, adapter=None), table)
        assert results.train_stats.validation == results.train_stats.test == {}

    def test_a_model_that_nothing_is_trained_of_predicts_without_train(self, declared, table, tmp_path):
        config = declared(trainer={"type": "none"}, adapter=None)
        model = LudwigModel(config)
        expected = trained(config, table)[0].predict(table)[0]
        pd.testing.assert_frame_equal(model.predict(table)[0], expected)
        model.save(str(tmp_path / "model"))
        pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "model")).predict(table)[0], expected)
        labels = {"name": "a", "type": "category", "preprocessing": {"vocab": LABELS}}
        assert len(LudwigModel(declared(output_features=[labels], trainer=None, adapter=None)).predict(table)[0]) == 16
        unknown = {"name": "a", "type": "category"}
        with pytest.raises(NotTrainedError, match="has no vocab.* Call `train` first"):
            LudwigModel(declared(output_features=[unknown], trainer=None, adapter=None)).predict(table)
        with pytest.raises(NotTrainedError, match="call `train`"):
            LudwigModel(declared()).predict(table)

    def test_none_is_the_default_trainer(self, declared):
        assert LudwigModel(declared(trainer=None, adapter=None)).config["trainer"]["type"] == "none"

    def test_a_label_is_read_from_the_answer(self, fluent, declared, table):
        """The weights of the model that answers right, with a category output."""
        answering, *_ = fluent
        labels = ["low", "high", "unclear"]
        output = {
            "name": "a",
            "type": "category",
            "preprocessing": {"vocab": labels},
            "decoder": {
                "type": "category_extractor",
                "method": "extract",
                "match": {
                    "low": {"type": "contains", "value": "One"},
                    "high": {"type": "regex", "value": "^(three|fo.r)$"},
                },
                "fallback_label": "unclear",
            },
        }
        table = table.assign(a=["low", "low", "high", "high"] * 4)
        model, _ = trained(declared(output_features=[output], trainer={"type": "none"}, adapter=None), table)
        model.model.load_weights(answering.model.weights())
        predictions, _ = model.predict(table.head(4))
        assert predictions["a_predictions"].tolist() == ["low", "unclear", "high", "high"]
        assert set(predictions) == {
            *("a_predictions", "a_probabilities", "a_probability"),
            *(f"a_probabilities_{label}" for label in labels),
        }
        assert predictions["a_probabilities_low"].tolist() == pytest.approx([1, 0, 0, 0], abs=1e-5)
        statistics, *_ = model.evaluate(table, collect_overall_stats=True)
        assert statistics["a"]["accuracy_micro"] == pytest.approx(0.75)
        assert statistics["a"]["loss"] == pytest.approx(0.25 * -np.log(1e-6), rel=1e-3)
        assert "confusion_matrix" in statistics["a"]


LABELS = ["one", "two three", "five six", "on"]


@pytest.fixture(scope="module")
def scoring(fluent, base_model):
    """A trained text model, and one with the same weights and a category output."""
    answering, table, _ = fluent
    output = {"name": "a", "type": "category", "preprocessing": {"vocab": LABELS}}
    config = {
        "model_type": "llm",
        "base_model": base_model,
        "input_features": [{"name": "q", "type": "text"}],
        "output_features": [output],
        "prompt": {"template": "Question: {q}\nAnswer:"},
    }
    table = table.assign(a=LABELS * 4)
    model, _ = trained(config, table)
    model.model.load_weights(answering.model.weights())
    return model, table


class TestLikelihoods:
    """Labels of a category output are compared by how probable they are behind the prompt."""

    @torch.no_grad()
    def test_they_are_those_of_the_tokens_of_each_label_alone(self, scoring):
        """Against plain passes of the library over one unpadded row after the other."""
        model, table = scoring
        network, tokenizer = model.model.network.pretrained, model.model.tokenizer.tokenizer
        expected = []
        for question in table["q"].head(4):
            prompt = tokenizer(f"Question: {question}\nAnswer:")["input_ids"]
            row = []
            for label in LABELS:
                wanted = tokenizer(f" {label}", add_special_tokens=False)["input_ids"]
                logs = network(torch.tensor([[*prompt, *wanted]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
                row.append(float(logs.gather(1, torch.tensor(wanted).unsqueeze(1)).sum()))
            expected.append(row)
        expected = torch.tensor(expected).softmax(-1).numpy()
        predictions, _ = model.predict(table.head(4))
        np.testing.assert_allclose(np.stack(predictions["a_probabilities"]), expected, atol=1e-5)
        assert predictions["a_predictions"].tolist() == [LABELS[place] for place in expected.argmax(1)]

    @pytest.mark.parametrize("rows", [1, 3])
    def test_they_depend_neither_on_the_batch_nor_on_how_many_are_computed_at_once(self, scoring, rows, monkeypatch):
        model, table = scoring
        expected, _ = model.predict(table.head(6))
        monkeypatch.setattr("ludwig.models.llm.network.NUMBERS", 1)
        found, _ = model.predict(table.head(6), batch_size=rows)
        monkeypatch.setattr(type(model.model.network), "cache_name", None)
        without_cache, _ = model.predict(table.head(6), batch_size=rows)
        for other in (found, without_cache):
            shares = np.stack(other["a_probabilities"])
            np.testing.assert_allclose(shares, np.stack(expected["a_probabilities"]), atol=1e-5)
        assert len(model.predict(table.head(0))[0]) == 0

    def test_the_loss_is_that_of_scikit_learn_and_nothing_is_generated(self, scoring, monkeypatch):
        metrics = pytest.importorskip("sklearn.metrics")
        model, table = scoring
        monkeypatch.setattr(type(model.model.network), "write", None)
        statistics, predictions, _ = model.evaluate(table, collect_predictions=True)
        probabilities = np.stack(predictions["a_probabilities"]).astype(float)
        shares = probabilities[:, np.argsort(LABELS)]
        expected = metrics.log_loss(table["a"], shares / shares.sum(1, keepdims=True), labels=sorted(LABELS))
        assert statistics["a"]["loss"] == pytest.approx(expected, rel=1e-4)

    def test_labels_are_those_of_the_training_split_where_none_are_listed(self, declared, table):
        output = {"name": "a", "type": "category"}
        model, _ = trained(declared(output_features=[output], trainer={"type": "none"}, adapter=None), table)
        predictions, _ = model.predict(table.head(2))
        assert {name.removeprefix("a_probabilities_") for name in predictions if "probabilities_" in name} == {
            *table["a"]
        }
        decoder = {"type": "category_extractor", "method": "extract"}
        with pytest.raises(ConfigValidationError, match="vocab: Missing: list the labels"):
            LudwigModel(declared(output_features=[{**output, "decoder": decoder}], trainer=None, adapter=None))

    def test_the_text_of_a_rule_stands_for_its_label(self, declared, table):
        match = {"yes": {"type": "contains", "value": "one"}, "no": {"type": "regex", "value": "x"}}
        output = {
            "name": "a",
            "type": "category",
            "preprocessing": {"vocab": ["yes", "no"]},
            "decoder": {"type": "category_extractor", "match": match},
        }
        table = table.assign(a=["yes", "no"] * 8)
        model, _ = trained(declared(output_features=[output], trainer={"type": "none"}, adapter=None), table)
        assert model.model.outputs["a"].candidates == ("one", "no")


class TestBuilding:
    def test_a_base_model_that_is_not_there_is_reported(self, declared, table, tmp_path):
        with pytest.raises(ConfigValidationError, match="base_model: There is no folder"):
            LudwigModel(declared(base_model=str(tmp_path / "nothing")))
        with pytest.raises(ConfigValidationError, match=r"'nobody/nothing' cannot be loaded \(base_model"):
            trained(declared(base_model="nobody/nothing"), table)

    def test_without_peft_the_extra_is_named(self, declared, table, monkeypatch):
        monkeypatch.setitem(sys.modules, "peft", None)
        with pytest.raises(MissingExtraError, match=r"ludwig\[llm\]"):
            trained(declared(), table)

    def test_an_adapter_that_does_not_fit_is_reported(self, declared, table):
        with pytest.raises(ConfigValidationError, match="adapter: 'lora' does not fit"):
            trained(declared(adapter={"type": "lora", "target_modules": ["no_such_module"]}), table)

    def test_a_column_of_the_template_that_is_not_there_is_reported(self, declared, table):
        with pytest.raises(InputDataError, match=r"'levl'.*Did you mean 'level'"):
            trained(declared(prompt={"template": "{q} {levl}"}), table)

    def test_a_file_is_read_with_the_columns_of_the_template(self, declared, table, tmp_path):
        table.to_csv(tmp_path / "table.csv", index=False)
        config = declared(prompt={"template": "{q} of level {level}:"}, adapter=None, trainer={"type": "none"})
        model, _ = trained(config, str(tmp_path / "table.csv"))
        assert len(model.predict(str(tmp_path / "table.csv"))[0]) == len(table)

    def test_another_prompt_is_another_cache(self, declared, table, tmp_path):
        table.to_csv(tmp_path / "table.csv", index=False)
        for template in ("{q}:", "What comes after {q}?"):
            config = declared(prompt={"template": template}, adapter=None, trainer={"type": "none"})
            trained(config, str(tmp_path / "table.csv"), tmp_path / "results")
        assert len(list(tmp_path.glob("table.*.hdf5"))) == 2

    def test_long_prompts_lose_their_first_tokens(self, declared, table):
        long = table.assign(q=[f"{'zero ' * 200}{word}" for word in table["q"]])
        bounds = {"global_max_sequence_length": 24}
        model, results = trained(declared(preprocessing=bounds), long)
        assert np.isfinite(results.train_stats.training["a"]["loss"]).all()
        expected, _ = model.predict(long.head(3), batch_size=1)
        found, _ = model.predict(long.head(3))
        pd.testing.assert_frame_equal(found[["a_response"]], expected[["a_response"]])
        np.testing.assert_allclose(found["a_probability"], expected["a_probability"], rtol=1e-4)

    def test_long_answers_are_cut_to_what_the_model_takes(self, declared, table):
        long = table.assign(a=[f"{word} " * 300 for word in table["a"]])
        _, results = trained(declared(), long)
        assert np.isfinite(results.train_stats.training["a"]["loss"]).all()

    def test_the_bare_network_needs_no_data(self, declared):
        assert LudwigModel.create_model(declared()).weights()

    def test_the_saved_config_is_json_and_loads(self, fluent):
        model, _, run = fluent
        saved = json.loads((Path(run) / "model/model_hyperparameters.json").read_text())
        assert LudwigModel(saved).config == model.config


def test_explanations_need_an_encoder_for_each_input(declared, table):
    model = LudwigModel(declared(trainer={"type": "none"}, adapter=None))
    model.train(dataset=table, output_directory=None)
    for explain in (
        lambda: IntegratedGradientsExplainer(model, table, table, "a"),
        lambda: permutation_importance(model, table, "a"),
        lambda: predict_function(model, "a"),
    ):
        with pytest.raises(ArgumentError, match=r"need an encoder for each input .*, and this is a language model\."):
            explain()


CHAT = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}"
CHAT += "{% if add_generation_prompt %}assistant: {% endif %}"


class TestChat:
    """Prompts of instruction-tuned models are the user's turn in the tokenizer's own chat template."""

    @pytest.fixture
    def instructed(self, base_model, tmp_path):
        from transformers import AutoTokenizer

        folder = tmp_path / "instructed"
        shutil.copytree(base_model, folder)
        tokenizer = AutoTokenizer.from_pretrained(base_model)
        tokenizer.chat_template = CHAT
        tokenizer.save_pretrained(folder)
        return str(folder)

    @pytest.mark.parametrize("chat", ["auto", True, False])
    def test_tokens_are_those_of_the_template(self, declared, instructed, table, chat):
        from transformers import AutoTokenizer

        prompt = {"template": "Question: {q}\nAnswer:", "chat": chat}
        model = LudwigModel(declared(base_model=instructed, prompt=prompt, trainer={"type": "none"}, adapter=None))
        data = model.preprocess(table.head(4))
        tokenizer = AutoTokenizer.from_pretrained(instructed)
        text = "Question: zero\nAnswer:"
        if chat:
            turns = tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
            )
            expected = tokenizer(turns, add_special_tokens=False)["input_ids"]
            assert tokenizer.decode(expected) == "<s>user: Question: zero\nAnswer:\nassistant: "
        else:
            expected = tokenizer(text)["input_ids"]
        rows = [
            row
            for part in (data.training_set, data.validation_set, data.test_set)
            if part is not None
            for row in part.get(next(name for name in part.dataset if name.startswith("q_")))
        ]
        assert expected in [list(row) for row in rows]

    @pytest.mark.parametrize(
        ("template", "chat", "text"),
        [
            ("{q}", "auto", "one"),  # behind the special tokens of the chat
            ("{q}", True, "one"),
            ("Question: {q} Answer:", False, " one"),  # as in the texts that models are trained on
            ("Question: {q} Answer: ", False, "one"),
        ],
    )
    def test_an_answer_has_a_space_before_it_where_the_prompt_has_none(
        self, declared, instructed, template, chat, text
    ):
        from transformers import AutoTokenizer

        prompt = {"template": f"It is {template}", "chat": chat}
        model = LudwigModel(declared(base_model=instructed, prompt=prompt))
        data = model.preprocess(training_set=pd.DataFrame({"q": ["x"] * 3, "a": ["one"] * 3})).training_set
        found = data.get(next(name for name in data.dataset if name.startswith("a_")))[0]
        expected = AutoTokenizer.from_pretrained(instructed)(text, add_special_tokens=False)["input_ids"]
        assert list(found) == [*expected, 2]

    def test_lists_of_messages_are_conversations(self, declared, instructed, base_model):
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(instructed)
        talk = [{"role": "system", "content": "be short"}, {"role": "user", "content": "one or two?"}]
        cells = [talk, [{"role": "user", "content": "zero"}], "zero"]
        options = {"prompt": None, "trainer": {"type": "none"}, "adapter": None}
        model = LudwigModel(declared(base_model=instructed, **options))
        data = model.preprocess(training_set=pd.DataFrame({"q": cells, "a": ["one"] * 3})).training_set
        found = data.get(next(name for name in data.dataset if name.startswith("q_")))
        turns = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        assert list(found[0]) == tokenizer(turns, add_special_tokens=False)["input_ids"]
        assert list(found[1]) == list(found[2])  # a text is what the user writes
        assert model.predict(pd.DataFrame({"q": cells}))[0]["a_response"].notna().all()
        with pytest.raises(InputDataError, match="only a chat template"):
            LudwigModel(declared(**options)).predict(pd.DataFrame({"q": cells}))
        with pytest.raises(InputDataError, match=r"odd message in row 0: .*'content': 1"):
            model.predict(pd.DataFrame({"q": [[{"role": "user", "content": 1}]]}))

    def test_without_a_template_a_prompt_is_a_text_unless_a_chat_is_asked_for(self, declared, table):
        prompt = {"template": "Question: {q}\nAnswer:"}
        options = {"trainer": {"type": "none"}, "adapter": None}
        plain = trained(declared(prompt={**prompt, "chat": False}, **options), table)[0].predict(table.head(2))[0]
        auto = trained(declared(prompt=prompt, **options), table)[0].predict(table.head(2))[0]
        pd.testing.assert_frame_equal(auto, plain)
        with pytest.raises(ConfigValidationError, match=r"prompt\.chat: The tokenizer .* no chat template"):
            trained(declared(prompt={**prompt, "chat": True}, **options), table)
