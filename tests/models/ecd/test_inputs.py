"""Like columns go through one encoder at once, and tied columns share one."""

import pandas as pd
import pytest
import torch

from ludwig.columns.frame import Frame
from ludwig.models import ecd  # noqa: F401  (importing registers)
from ludwig.models.ecd.input_base import INPUTS
from ludwig.models.ecd.inputs import Inputs, groups_of
from ludwig.schema import load

TABLE = pd.DataFrame(
    {
        "a": [1.0, 2.0, 3.0, 5.0],
        "b": [9.0, 7.0, 5.0, 1.0],
        "c": [0.0, 1.0, 0.0, 1.0],
        "x": ["u", "v", "u", "w"],
        "y": ["v", "v", "z", "u"],
        "t": ["one two", "two", "three one", "one"],
        "s": ["two", "one three", "one", "two two"],
    }
)


def section(name, kind, **options):
    return load(INPUTS.get(kind).Config, {"name": name, **options})


def fitted(one, cells):
    feature = one.feature(one.preprocessing, one.name)
    return feature.finish(feature.tally(feature.parse(cells)))


def learned(sections):
    """Fitted state by feature, tied ones fitted together, and the frame."""
    facts, columns = {}, {}
    for one in sections:
        feature = one.feature(one.preprocessing, one.name)
        together = [other.name for other in sections if (other.tied or other.name) == (one.tied or one.name)]
        facts[one.name] = fitted(one, pd.concat([TABLE[name] for name in together]))
        columns[one.name] = feature.encode(feature.parse(TABLE[one.name]), facts[one.name]).column
    return facts, Frame.of(columns)


def build(*sections):
    facts, frame = learned(sections)
    torch.manual_seed(0)
    return Inputs(sections, facts).eval(), frame


def groups(*sections):
    return groups_of(sections, learned(sections)[0])


class TestGroups:
    def test_inputs_of_one_type_with_equal_encoders_form_one(self):
        found = groups(section("a", "number"), section("x", "category"), section("b", "number"))
        assert [group.names for group in found] == [("a", "b"), ("x",)]

    def test_another_option_makes_another_group(self):
        ple = {"type": "ple", "num_bins": 4}
        found = groups(section("a", "number", encoder=ple), section("b", "number", encoder="ple"))
        assert [group.names for group in found] == [("a",), ("b",)]

    def test_another_type_with_the_same_encoder_makes_another_group(self):
        found = groups(section("a", "number"), section("c", "binary"))
        assert [group.kind for group in found] == ["number", "binary"]

    def test_columns_of_unlike_numbers_of_words_make_groups_by_the_size_of_a_token(self):
        words = pd.DataFrame({"x": [*"uvw"] * 3, "y": [*"abcdefghi"], "z": [*"uvz"] * 3})
        sections = [section(name, "category", encoder={"type": "dense", "embedding_size": 8}) for name in "xyz"]
        facts = {one.name: fitted(one, words[one.name]) for one in sections}
        together = Inputs(sections, facts)
        assert [group.names for group in together.groups] == [("x", "z"), ("y",)]
        shapes = {name: weight.values.shape for name, weight in together.weights()}
        for one in sections:  # a column's weights do not depend on those beside it
            alone = Inputs([one], {one.name: facts[one.name]})
            assert {name: weight.values.shape for name, weight in alone.weights()}.items() <= shapes.items()

    def test_an_encoder_that_takes_one_column_stands_alone(self):
        found = groups(section("x", "category", encoder="onehot"), section("y", "category", encoder="onehot"))
        assert [group.names for group in found] == [("x",), ("y",)]

    def test_tied_inputs_form_a_group_of_shared_weights(self):
        found = groups(section("a", "number"), section("x", "category"), section("y", "category", tied="x"))
        assert [(group.names, group.host) for group in found] == [(("a",), None), (("x", "y"), "x")]

    def test_an_input_may_stand_before_the_one_that_it_is_tied_to(self):
        (group,) = groups(section("y", "category", tied="x"), section("x", "category"))
        assert group.names == ("y", "x")
        assert group.columns == (group.host,) == ("x",)


class TestEncoding:
    def test_a_group_gives_the_tokens_of_its_columns_in_their_order(self):
        sections = [section(name, "number", encoder="passthrough") for name in ("b", "a")]
        inputs, frame = build(sections[0], section("x", "category"), sections[1])
        numbers, _ = inputs(frame)
        assert inputs.sources[0].features == ("b", "a")
        torch.testing.assert_close(numbers.values.squeeze(-1), frame.columns(("b", "a")))

    def test_a_group_is_its_columns_one_by_one(self):
        encoder = {"type": "ple", "num_bins": 4, "output_size": 3}
        inputs, frame = build(section("a", "number", encoder=encoder), section("b", "number", encoder=encoder))
        (together,) = inputs(frame)
        (group,) = inputs.encoders
        for place, name in enumerate(("a", "b")):
            alone, _ = build(section(name, "number", encoder=encoder))
            alone.encoders[0].weight.data = group.weight.data[place : place + 1]
            alone.encoders[0].bias.data = group.bias.data[place : place + 1]
            torch.testing.assert_close(alone(frame)[0].values[:, 0], together.values[:, place])

    @pytest.mark.parametrize("kind", ["number", "category", "text"])
    def test_what_is_promised_is_given(self, kind):
        names = {"number": "ab", "category": "xy", "text": "ts"}[kind]
        inputs, frame = build(*(section(name, kind) for name in names))
        for source, signal in zip(inputs.sources, inputs(frame), strict=True):
            assert signal.form == source.shape.form
            assert signal.values.shape[-1] == source.shape.size
            assert len(source.features) == (signal.values.shape[1] if signal.form == "tokens" else 1)


class TestWeightsByColumn:
    @pytest.mark.parametrize("activation", ["prelu", "swiglu"])
    @pytest.mark.parametrize("norm", [None, "batch", "layer"])
    def test_a_column_among_others_is_what_it_is_alone_with_the_same_weights(self, activation, norm):
        encoder = {"type": "dense", "num_layers": 2, "output_size": 3, "activation": activation, "norm": norm}
        both = [section(name, "number", encoder=encoder) for name in "ab"]
        inputs, frame = build(*both)
        with torch.no_grad():
            for weight in inputs.parameters():
                weight.copy_(torch.randn_like(weight))
        (together,) = inputs(frame)
        saved = {name: weight.values.clone() for name, weight in inputs.weights()}
        for place, one in enumerate(both):
            alone, _ = build(one)
            with torch.no_grad():
                for name, weight in alone.weights():
                    weight.values.copy_(saved[name].view_as(weight.values))
            torch.testing.assert_close(alone(frame)[0].values[:, 0], together.values[:, place])

    def test_tied_inputs_save_the_weights_of_the_one_that_they_are_tied_to_in_any_order(self):
        sections = [section("x", "category"), section("y", "category", tied="x")]
        for order in (sections, sections[::-1]):
            assert [name for name, _ in build(*order)[0].weights()] == ["x.encoder.table.weight"]


class TestTied:
    @pytest.mark.parametrize("encoder", ["dense", "onehot"])
    def test_equal_words_of_tied_columns_become_equal_vectors(self, encoder):
        sections = [section("x", "category", encoder=encoder), section("y", "category", encoder=encoder, tied="x")]
        inputs, frame = build(*sections)
        signals = inputs(frame)
        x, y = signals[0].values.unbind(1) if len(signals) == 1 else (signal.values for signal in signals)
        assert torch.equal(x[0], y[3])  # both are "u"
        assert torch.equal(x[1], y[0])  # both are "v"
        assert not torch.equal(x[0], x[1])

    def test_they_share_facts_and_one_encoder(self):
        inputs, _ = build(section("x", "category"), section("y", "category", tied="x"))
        (encoder,) = inputs.encoders
        assert len(encoder.table.weight) == len(["<UNK>", "u", "v", "w", "z"])
        assert [source.shape.count for source in inputs.sources] == [2]

    def test_both_train_the_shared_weights(self):
        inputs, frame = build(section("x", "category"), section("y", "category", tied="x"))
        (signal,) = inputs(frame)
        signal.values[:, 1].sum().backward()  # of the second one only
        assert inputs.encoders[0].table.weight.grad.abs().sum() > 0

    def test_texts_share_an_encoder_and_stay_two_signals(self):
        inputs, frame = build(section("t", "text", encoder="embed"), section("s", "text", encoder="embed", tied="t"))
        t, s = inputs(frame)
        assert len(inputs.encoders) == 1
        assert torch.equal(t.values[1], s.values[0])  # both are "two"
        assert [source.features for source in inputs.sources] == [("t",), ("s",)]


def test_tied_features_are_fitted_together():
    from ludwig.data.preprocess import Preprocessing, Tables, preprocess
    from ludwig.models.base import FeatureSpec

    sections = [section("x", "category"), section("y", "category", tied="x")]
    specs = [FeatureSpec(s.name, s.source, s.feature(s.preprocessing, s.name), s.tied) for s in sections]
    facts = preprocess(Tables(training=TABLE), specs, Preprocessing(), 0).facts
    assert facts["x"] == facts["y"]
    assert sorted(facts["x"].vocabulary.words) == ["<UNK>", "u", "v", "w", "z"]
