import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.config.load import load_config
from ludwig.data.preprocess import Tables, preprocess
from ludwig.error import ArtifactError, ConfigValidationError
from ludwig.models.assets import Assets
from ludwig.training.objective import loss_weights_of, total_loss

ROWS = 24
RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "a": RANDOM.normal(size=ROWS),
        "b": RANDOM.normal(size=ROWS),
        "c": RANDOM.choice(["u", "v", "w"], ROWS),
        "size": RANDOM.normal(50, 9, ROWS),
        "kind": np.array(["p", "q", "r"])[np.arange(ROWS) % 3],
        "late": np.arange(ROWS) % 2 == 0,
    }
)
INPUTS = [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}, {"name": "c", "type": "category"}]
OUTPUTS = [
    {"name": "size", "type": "number"},
    {"name": "kind", "type": "category"},
    {"name": "late", "type": "binary"},
]


def build(outputs=OUTPUTS, combiner=None, inputs=INPUTS):
    raw = {"input_features": inputs, "output_features": outputs, "combiner": combiner or {"type": "concat"}}
    config = load_config(raw)
    specs = [spec for side in config.resolve(Assets()) for spec in side]
    data = preprocess(Tables(training=TABLE), specs, config.preprocessing, 0)
    torch.manual_seed(0)
    return config.build(data.facts, Assets()).eval(), data.training


def loss_of(model, step):
    return total_loss(step, loss_weights_of(model))


def output(name, **options):
    return {**next(feature for feature in OUTPUTS if feature["name"] == name), **options}


class TestLoss:
    def test_it_is_the_weighted_sum_of_the_outputs_losses(self):
        model, batch = build([output("size", loss={"type": "mean_squared_error", "weight": 0.25}), output("kind")])
        step = model.training_loss(batch)
        assert list(step.parts) == ["size", "kind"]
        torch.testing.assert_close(loss_of(model, step), 0.25 * step.parts["size"] + step.parts["kind"])

    def test_an_output_without_weight_trains_nothing(self):
        model, batch = build([output("size"), output("kind", loss={"type": "softmax_cross_entropy", "weight": 0})])
        loss_of(model, model.training_loss(batch)).backward()
        assert all(not weight.grad.any() for weight in model.outputs["kind"].parameters())
        assert model.outputs["size"].decoder.linear.weight.grad.any()

    def test_what_a_combiner_adds_is_added(self, monkeypatch):
        model, batch = build()
        plain = loss_of(model, model.training_loss(batch))
        combine = model.combiner.forward
        adds = lambda signals: dataclasses.replace(combine(signals), auxiliary_loss=torch.tensor(2.5))  # noqa: E731
        monkeypatch.setattr(model.combiner, "forward", adds)
        torch.testing.assert_close(loss_of(model, model.training_loss(batch)), plain + 2.5)

    @pytest.mark.parametrize("combiner", [{"type": "concat", "num_fc_layers": 1}, {"type": "tabm", "num_members": 3}])
    def test_every_weight_trains(self, combiner):
        model, batch = build(combiner=combiner)
        loss_of(model, model.training_loss(batch)).backward()
        assert [name for name, weight in model.named_parameters() if weight.grad is None] == []

    def test_a_few_steps_make_it_smaller(self):
        model, batch = build(combiner={"type": "concat", "num_fc_layers": 2, "output_size": 32})
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            losses.append(loss_of(model, model.train().training_loss(batch)))
            losses[-1].backward()
            optimizer.step()
        assert losses[-1] < losses[0] / 2


class TestDependencies:
    DEPENDENT = [output("size", dependencies=["kind"]), output("kind", dependencies=["late"]), output("late")]

    def test_outputs_are_computed_after_those_that_they_read(self):
        model, _ = build(self.DEPENDENT)
        assert model.order == ["late", "kind", "size"]
        assert list(model.outputs) == ["size", "kind", "late"]  # as the config has them

    def test_an_output_reads_the_last_hidden_vector(self):
        outputs = [
            output("size", dependencies=["kind"]),
            output("kind", decoder={"num_fc_layers": 1, "fc_output_size": 7}),
        ]
        model, batch = build(outputs)
        width = model.combiner.shape.size
        assert model.outputs["size"].decoder.linear.in_features == width + 7
        predictions = model(batch).predictions
        combined = model.combiner(model.inputs(batch)).values
        head = model.outputs["size"].decoder.linear
        expected = head(torch.cat([combined, predictions["kind"].hidden], dim=1)).squeeze(1)
        torch.testing.assert_close(predictions["size"].logits, expected)

    def test_gradients_of_a_reader_reach_what_it_reads(self):
        layered = {"num_fc_layers": 1, "fc_output_size": 7}
        silent = {"type": "softmax_cross_entropy", "weight": 0}
        model, batch = build([output("size", dependencies=["kind"]), output("kind", decoder=layered, loss=silent)])
        loss_of(model, model.training_loss(batch)).backward()
        assert any(weight.grad.any() for weight in model.outputs["kind"].decoder.fc_stack.parameters())

    def test_members_are_read_by_members(self):
        model, batch = build(self.DEPENDENT, {"type": "tabm", "num_members": 3})
        assert model(batch).predictions["size"].logits.shape == (ROWS, 3)
        assert model.predict(batch)["size"].predictions.shape == (ROWS,)

    @pytest.mark.parametrize(
        ("wanted", "message"), [(["kynd"], "Did you mean 'kind'"), (["size"], "form a cycle: size -> size")]
    )
    def test_faults_are_reported_with_their_path(self, wanted, message):
        with pytest.raises(ConfigValidationError, match=rf"output_features\[0\]\.dependencies: .*{message}"):
            build([output("size", dependencies=wanted), output("kind")])


class TestInputs:
    def test_columns_of_one_kind_share_an_encoder(self):
        model, _ = build()
        assert [group.names for group in model.inputs.groups] == [("a", "b"), ("c",)]

    def test_tied_inputs_share_one(self):
        model, _ = build(inputs=[*INPUTS, {"name": "c2", "column": "c", "type": "category", "tied": "c"}])
        assert [group.names for group in model.inputs.groups] == [("a", "b"), ("c", "c2")]

    @pytest.mark.parametrize(
        "options",
        [
            {"encoder": {"type": "dense", "embedding_size": 3}},
            {"preprocessing": {"most_common": 2}},
            {"type": "number"},
        ],
    )
    def test_tied_inputs_must_be_alike(self, options):
        other = {"name": "c2", "column": "c", "type": "category", "tied": "c", **options}
        with pytest.raises(ConfigValidationError, match=r"input_features\[3\]\.tied: 'c2' and 'c' must have the same"):
            build(inputs=[*INPUTS, other])


class TestPrediction:
    def test_rows_do_not_see_each_other(self):
        model, batch = build(combiner={"type": "concat", "num_fc_layers": 2, "norm": "batch"})
        together, alone = model.predict(batch), model.predict(batch.slice(3, 4))
        for name in model.outputs:
            torch.testing.assert_close(alone[name].predictions[0], together[name].predictions[3])

    def test_every_output_has_predictions_for_all_rows(self):
        model, batch = build()
        assert {name: len(said.predictions) for name, said in model.predict(batch).items()} == {
            "size": ROWS,
            "kind": ROWS,
            "late": ROWS,
        }

    def test_saved_weights_give_the_same_predictions(self, tmp_path):
        one, batch = build(combiner={"type": "tabm", "num_members": 3})
        one.save_weights(tmp_path)
        two, _ = build(combiner={"type": "tabm", "num_members": 3})
        for weight in two.parameters():
            torch.nn.init.normal_(weight)
        two.read_weights(tmp_path)
        for name in one.outputs:
            assert torch.equal(one.predict(batch)[name].logits, two.predict(batch)[name].logits)


class TestNames:
    PLE = {"type": "ple", "num_bins": 4, "output_size": 3}
    LIKE = [
        {"name": "a", "type": "number", "encoder": PLE},
        {"name": "c", "type": "category"},
        {"name": "b", "type": "number", "encoder": PLE},
        {"name": "d", "column": "kind", "type": "category"},
    ]

    def test_weights_are_named_by_feature(self):
        model, _ = build([output("size")], inputs=self.LIKE)
        names = {name: list(weight.shape) for name, weight in model.weights().items()}
        assert names == {
            "input_features.a.encoder.weight": [1, 4, 3],
            "input_features.a.encoder.bias": [1, 3],
            "input_features.b.encoder.weight": [1, 4, 3],
            "input_features.b.encoder.bias": [1, 3],
            "input_features.c.encoder.table.weight": [4, 4],  # <UNK>, u, v, w; no wider than the largest vocabulary
            "input_features.d.encoder.table.weight": [4, 4],
            "output_features.size.decoder.linear.weight": [1, 2 * (1 + 3) + 2 * 4],
            "output_features.size.decoder.linear.bias": [1],
        }

    def test_the_weights_of_a_column_are_those_of_an_encoder_of_its_own(self):
        group, batch = build([output("size")], inputs=self.LIKE)
        for name in "abcd":
            (feature,) = [each for each in self.LIKE if each["name"] == name]
            alone, _ = build([output("size")], inputs=[feature])
            own = {n: w for n, w in group.weights().items() if n.startswith(f"input_features.{name}.")}
            alone.load_weights({**alone.weights(), **own})
            (signal,) = alone.inputs(batch)
            by_column = {
                column: values
                for source, found in zip(group.inputs.sources, group.inputs(batch), strict=True)
                for column, values in zip(source.features, found.values.unbind(1), strict=True)
            }
            torch.testing.assert_close(signal.values[:, 0], by_column[name])

    def test_a_name_may_be_that_of_anything(self):
        inputs = [{"name": name, "column": "a", "type": "number"} for name in ("training", "type", "forward", "weight")]
        model, batch = build([output("size")], inputs=inputs)
        model.load_weights({name: torch.ones_like(weight) for name, weight in model.weights().items()})
        assert model.train().predict(batch)["size"].predictions.shape == (ROWS,)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda weights: weights.pop("combiner.stack.layers.0.bias"), "lacks 'combiner.stack.layers.0.bias'"),
            (lambda weights: weights.update(other=torch.ones(1)), "has 'other'"),
            (
                lambda weights: weights.update({"combiner.stack.layers.0.bias": torch.ones(7)}),
                r"'combiner.stack.layers.0.bias' has the shape \[7\], and the network's is \[256\]",
            ),
        ],
    )
    def test_weights_of_another_network_are_refused(self, change, message):
        model, _ = build(combiner={"type": "concat", "num_fc_layers": 1})
        given = {name: weight.clone() for name, weight in model.weights().items()}
        before = {name: weight.clone() for name, weight in given.items()}
        change(given)
        with pytest.raises(ArtifactError, match=message):
            model.load_weights(given)
        assert all(torch.equal(weight, before[name]) for name, weight in model.weights().items())


class TestFreezing:
    def test_a_column_of_a_group_is_held_and_the_others_are_not(self):
        model, _ = build([output("size")], inputs=TestNames.LIKE)
        held = model.freeze(r"^input_features\.(a|c|d)\.")
        assert sorted(model.frozen_names()) == [f"input_features.{name}.encoder.table.weight" for name in "cd"]
        assert {tuple(weight.values.shape) for weight in held} == {(1, 4, 3), (1, 3)}


def test_a_sequence_must_be_reduced_somewhere():
    inputs = [{"name": "c", "type": "text", "encoder": {"type": "embed", "reduce_output": None}}]
    with pytest.raises(
        ConfigValidationError, match=r"output_features\[0\]\.reduce_input: The combiner gives a sequence"
    ):
        build([output("size", reduce_input=None)], inputs=inputs)
    model, batch = build([output("size")], inputs=inputs)
    assert model.predict(batch)["size"].predictions.shape == (ROWS,)


@pytest.mark.parametrize("norm", ["batch", "ghost"])
def test_activations_that_are_computed_again_count_once_in_running_statistics(norm):
    encoder = {"type": "dense", "norm": norm, "output_size": 3}
    inputs = [*({"name": name, "type": "number", "encoder": encoder} for name in "ab"), INPUTS[2]]
    plain, batch = build(combiner={"type": "concat", "num_fc_layers": 1, "norm": norm}, inputs=inputs)
    again, _ = build(combiner={"type": "concat", "num_fc_layers": 1, "norm": norm}, inputs=inputs)
    again.recompute_activations()
    for model in (plain, again):
        loss_of(model, model.train().training_loss(batch)).backward()
    running = dict(again.named_buffers())
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(running[name], buffer, msg=name)
    for one, two in zip(plain.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)
