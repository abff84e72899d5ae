import marshmallow
import pytest
import torch
from torch import nn

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.dropout import drawing
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

SOURCES = [Source(("a", "b"), "number", Shape("tokens", 2, 2)), Source(("c",), "vector", Shape("vector", 3))]
CONFIG = COMBINERS.get("tabm").Config


def build(**options):
    torch.manual_seed(0)
    return load(CONFIG, {"num_members": 4, "output_size": 6, "deal_rows": False, **options}).build(SOURCES)


def signals(rows=5):
    torch.manual_seed(1)
    return [Signal.tokens(torch.randn(rows, 2, 2)), Signal.vector(torch.randn(rows, 3))]


def layers_of(combiner):
    return [part for part in combiner.modules() if hasattr(part, "r")]


def test_it_gives_num_members_members():
    combiner = build()
    signal = combiner(signals())
    assert signal.form == "members"
    assert signal.values.shape == (5, 4, 6)
    assert combiner.shape == Shape("members", 6, 4)


def test_the_weights_are_shared_and_the_vectors_are_not():
    combiner = build(num_fc_layers=2)
    first, second = layers_of(combiner)
    assert first.weight.shape == (6, 7)
    assert first.r.shape == (4, 7)
    assert second.weight.shape == (6, 6)
    assert second.s.shape == (4, 6)


def test_members_start_with_random_signs_and_otherwise_alike():
    first, *others = layers_of(build())
    assert set(first.r.unique().tolist()) == {-1.0, 1.0}
    assert all((layer.r == 1).all() for layer in others)
    assert all((layer.s == 1).all() for layer in (first, *others))


def test_each_member_is_a_network_of_its_own():
    combiner = build(num_fc_layers=2, dropout=0.0)
    for weight in combiner.parameters():
        nn.init.normal_(weight)
    given = signals()
    members = combiner(given).values
    flat = torch.cat([given[0].values.flatten(1), given[1].values], dim=1)
    for member in range(4):
        values = flat
        for layer in layers_of(combiner):
            own = layer.weight * torch.outer(layer.s[member], layer.r[member])
            values = (values @ own.T + layer.bias[member]).relu()
        torch.testing.assert_close(members[:, member], values)


def test_one_member_is_a_plain_network():
    assert build(num_members=1)(signals()).values.shape == (5, 1, 6)


def test_dropout_acts_in_training_only():
    combiner, given = build(dropout=0.5), signals()
    assert not torch.equal(combiner(given).values, combiner(given).values)
    combiner.eval()
    assert torch.equal(combiner(given).values, combiner(given).values)


def test_a_sequence_is_a_fault():
    assert CONFIG().faults(["tokens", "vector"], ["a", "b"]) == []
    ((where, message),) = CONFIG().faults(["tokens", "sequence"], ["a", "b"])
    assert where == ""
    assert "sequence" in message


@pytest.mark.parametrize("rows", [1, 3, 4, 10])
def test_training_deals_each_row_out_to_one_member(rows):
    combiner, given = build(deal_rows=True), signals(rows)
    dealt = combiner(given)
    assert dealt.values.shape == (-(-rows // 4), 4, 6)
    assert len(dealt.dealt.unique()) == rows
    combiner.eval()
    whole = combiner(given)
    assert whole.dealt is None
    for row, place in enumerate(dealt.dealt.tolist()):
        torch.testing.assert_close(dealt.values[place // 4, place % 4], whole.values[row, place % 4])


def test_over_many_batches_each_member_gets_each_row():
    combiner, given = build(deal_rows=True), signals(8)
    with drawing(combiner, torch.Generator().manual_seed(0)):
        members = torch.stack([combiner(given).dealt % 4 for _ in range(50)])  # [batches, rows]
    assert all(set(row.tolist()) == {0, 1, 2, 3} for row in members.T)


def test_one_member_gets_all_rows():
    assert build(deal_rows=True, num_members=1)(signals()).dealt is None


def test_no_layers_are_a_fault():
    assert [where for where, _ in load(CONFIG, {"fc_layers": []}).faults(["vector"], ["a"])] == ["fc_layers"]
    with pytest.raises(marshmallow.ValidationError, match="num_fc_layers"):
        load(CONFIG, {"num_fc_layers": 0})


class TestArchitectures:
    def test_mini_scales_the_inputs_and_shares_the_rest(self):
        combiner, given = build(arch="tabm-mini"), signals()
        flat = torch.cat([given[0].values.flatten(1), given[1].values], dim=1)
        scaling, shared = combiner.stack.scaling, combiner.stack.layers
        assert set(scaling.unique().tolist()) == {-1.0, 1.0}
        members = combiner(given).values
        for member in range(4):
            torch.testing.assert_close(members[:, member], shared(flat * scaling[member]))

    def test_packed_members_share_nothing(self):
        combiner, given = build(arch="tabm-packed", num_fc_layers=1), signals()
        flat = torch.cat([given[0].values.flatten(1), given[1].values], dim=1)
        weight, bias = (
            dict(combiner.named_parameters())[f"stack.layers.layers.0.{name}"] for name in ("weight", "bias")
        )
        assert weight.shape == (4, 7, 6)
        members = combiner(given).values
        for member in range(4):
            torch.testing.assert_close(members[:, member], (flat @ weight[member] + bias[member]).relu())

    @pytest.mark.parametrize("arch", ["tabm-mini", "tabm-packed"])
    def test_rows_can_be_dealt_out(self, arch):
        combiner, given = build(arch=arch, deal_rows=True), signals(8)
        dealt = combiner(given)
        whole = combiner.eval()(given).values
        for row, place in enumerate(dealt.dealt.tolist()):
            torch.testing.assert_close(dealt.values[place // 4, place % 4], whole[row, place % 4])

    def test_another_word_is_refused(self):
        with pytest.raises(marshmallow.ValidationError, match="tabm-mini"):
            load(CONFIG, {"arch": "mini"})
