import pytest
import torch
from torch import Tensor, nn

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

TOKENS = Source(("a", "b"), "number", Shape("tokens", 2, 2))
VECTOR = Source(("c",), "vector", Shape("vector", 3))
SHORT = Source(("s",), "text", Shape("sequence", 2, 4))
LONG = Source(("t",), "text", Shape("sequence", 3, 6))
CONFIG = COMBINERS.get("concat").Config


def build(sources, **options):
    torch.manual_seed(0)
    return load(CONFIG, options).build(sources)


def sequence(values: Tensor, lengths: list[int]) -> Signal:
    mask = torch.arange(values.shape[1]) < torch.tensor(lengths).unsqueeze(1)
    return Signal.sequence(values * mask.unsqueeze(-1), mask)


def linears(module: nn.Module) -> list[nn.Linear]:
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


class TestVectors:
    def test_without_layers_they_are_laid_side_by_side_in_order(self):
        tokens, vector = torch.arange(8.0).view(2, 2, 2), torch.arange(6.0).view(2, 3) + 100
        combiner = build([TOKENS, VECTOR])
        result = combiner([Signal.tokens(tokens), Signal.vector(vector)])
        assert result.values.tolist() == [[0, 1, 2, 3, 100, 101, 102], [4, 5, 6, 7, 103, 104, 105]]
        assert combiner.shape == Shape("vector", 7)

    def test_one_vector_alone_is_itself(self):
        vector = torch.randn(4, 3)
        assert torch.equal(build([VECTOR])([Signal.vector(vector)]).values, vector)

    def test_layers_follow(self):
        combiner = build([VECTOR], num_fc_layers=2, output_size=5)
        vector = torch.randn(4, 3)
        one, two = linears(combiner)
        expected = two(one(vector).relu()).relu()
        torch.testing.assert_close(combiner([Signal.vector(vector)]).values, expected)

    def test_listed_layers_have_options_of_their_own(self):
        combiner = build([VECTOR], fc_layers=[{"output_size": 4, "activation": "tanh"}, {"output_size": 2}])
        vector = torch.randn(4, 3)
        one, two = linears(combiner)
        torch.testing.assert_close(combiner([Signal.vector(vector)]).values, two(one(vector).tanh()).relu())
        assert combiner.shape == Shape("vector", 2)


class TestResidual:
    def test_a_layer_that_keeps_the_size_adds_what_came_in(self):
        combiner = build([VECTOR], num_fc_layers=2, output_size=5, residual=True)
        vector = torch.randn(4, 3)
        one, two = linears(combiner)
        first = one(vector).relu()  # 3 to 5: nothing can be added
        torch.testing.assert_close(combiner([Signal.vector(vector)]).values, first + two(first).relu())

    def test_where_no_layer_keeps_the_size_it_changes_nothing(self):
        options = {"fc_layers": [{"output_size": 5}, {"output_size": 4}]}
        vector = Signal.vector(torch.randn(4, 3))
        plain, residual = build([VECTOR], **options), build([VECTOR], residual=True, **options)
        assert torch.equal(plain([vector]).values, residual([vector]).values)


class TestSequences:
    def test_steps_are_laid_side_by_side_and_stay_a_sequence(self):
        short, long = torch.randn(2, 4, 2), torch.randn(2, 6, 3)
        combiner = build([SHORT, LONG])
        result = combiner([sequence(short, [4, 1]), sequence(long, [2, 6])])
        assert combiner.shape == Shape("sequence", 5, 6)
        assert result.form == "sequence"
        assert result.mask.sum(1).tolist() == [4, 6]  # as long as the longer of both
        for row, step in ((0, 0), (0, 1), (1, 0)):
            torch.testing.assert_close(result.values[row, step], torch.cat([short[row, step], long[row, step]]))
        assert result.values[1, 5, :2].tolist() == [0, 0]  # the shorter one is over
        torch.testing.assert_close(result.values[1, 5, 2:], long[1, 5])

    def test_layers_act_on_each_step(self):
        combiner = build([SHORT], num_fc_layers=1, output_size=3)
        values = torch.randn(2, 4, 2)
        (layer,) = linears(combiner)
        signal = sequence(values, [4, 4])
        torch.testing.assert_close(combiner([signal]).values, layer(values).relu())
        assert torch.equal(combiner([signal]).mask, signal.mask)

    def test_flattened_they_are_vectors_of_the_longest_length(self):
        combiner = build([SHORT, VECTOR], flatten_inputs=True)
        assert combiner.shape == Shape("vector", 2 * 4 + 3)
        values, vector = torch.randn(2, 3, 2), torch.randn(2, 3)
        result = combiner([sequence(values, [3, 3]), Signal.vector(vector)]).values
        torch.testing.assert_close(result[:, :6], values.flatten(1))
        assert (result[:, 6:8] == 0).all()
        torch.testing.assert_close(result[:, 8:], vector)

    def test_flattened_what_is_longer_than_in_training_is_cut(self):
        values = torch.randn(2, 9, 2)
        result = build([SHORT], flatten_inputs=True)([sequence(values, [9, 2])]).values
        torch.testing.assert_close(result[0], values[0, :4].flatten())

    def test_padding_never_changes_the_flattened_result(self):
        values, combiner = torch.randn(2, 3, 2), build([SHORT], flatten_inputs=True, num_fc_layers=1)
        padded = torch.cat([values, torch.zeros(2, 8, 2)], dim=1)
        torch.testing.assert_close(
            combiner([sequence(values, [3, 2])]).values, combiner([sequence(padded, [3, 2])]).values
        )


class TestBatchEnsemble:
    OPTIONS = {"batch_ensemble": True, "num_fc_layers": 2, "output_size": 5, "num_ensemble_members": 3}

    def test_it_gives_members(self):
        combiner = build([VECTOR], **self.OPTIONS)
        signal = combiner([Signal.vector(torch.randn(4, 3))])
        assert signal.form == "members"
        assert signal.values.shape == (4, 3, 5)
        assert combiner.shape == Shape("members", 5, 3)

    def test_each_member_is_a_network_of_scaled_weights(self):
        combiner = build([VECTOR], **self.OPTIONS)
        vector = torch.randn(4, 3)
        layers = [part for part in combiner.modules() if hasattr(part, "r")]
        for weight in combiner.parameters():
            nn.init.normal_(weight)
        members = combiner([Signal.vector(vector)]).values
        for member in range(3):
            values = vector
            for layer in layers:  # Wen et al. 2020, eq. 5: the weight times the outer product of r and s
                own = layer.weight * torch.outer(layer.s[member], layer.r[member])
                values = (values @ own.T + layer.bias[member]).relu()
            torch.testing.assert_close(members[:, member], values)

    def test_members_differ_from_the_start(self):
        members = build([VECTOR], **self.OPTIONS)([Signal.vector(torch.randn(4, 3))]).values
        assert not torch.allclose(members[:, 0], members[:, 1]) or not torch.allclose(members[:, 0], members[:, 2])


class TestFaults:
    def test_sequences_and_vectors_do_not_mix_unless_flattened(self):
        ((where, message),) = CONFIG().faults(["sequence", "tokens"], ["review", "age"])
        assert where == ""
        assert "review" in message
        assert "age" in message
        assert CONFIG(flatten_inputs=True).faults(["sequence", "tokens"], ["review", "age"]) == []

    def test_a_batch_ensemble_needs_layers(self):
        ((where, message),) = CONFIG(batch_ensemble=True).faults(["vector"], ["a"])
        assert where == "num_fc_layers"
        assert message.endswith("Received: 0.")

    def test_a_batch_ensemble_has_no_residual_connections(self):
        config = CONFIG(batch_ensemble=True, num_fc_layers=2, residual=True)
        assert [where for where, _ in config.faults(["vector"], ["a"])] == ["residual"]

    def test_a_batch_ensemble_takes_no_sequence(self):
        config = load(CONFIG, {"batch_ensemble": True, "fc_layers": [{"output_size": 3}]})
        assert [where for where, _ in config.faults(["sequence"], ["a"])] == ["batch_ensemble"]

    @pytest.mark.parametrize("forms", [["vector"], ["tokens", "vector"], ["sequence", "sequence"]])
    def test_like_forms_are_no_fault(self, forms):
        assert CONFIG().faults(forms, [f"f{place}" for place in range(len(forms))]) == []
