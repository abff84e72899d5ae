"""Against torch's own layers and the formulas of the papers."""

import pytest
import torch
from torch import nn

from ludwig.error import ConfigValidationError
from ludwig.nn.transformer import (
    Attention,
    AttentionSpec,
    FeedForward,
    TransformerBlock,
    TransformerStack,
    causal,
    rotated,
)

B, T, H, N = 3, 5, 8, 2
MASK = torch.arange(T) < torch.tensor([5, 2, 0]).unsqueeze(1)


def into_torch(attention: Attention) -> nn.MultiheadAttention:
    theirs = nn.MultiheadAttention(H, N, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([attention.query.weight, attention.key_value.weight])
    theirs.in_proj_bias.data = torch.cat([attention.query.bias, attention.key_value.bias])
    theirs.out_proj.load_state_dict(attention.out.state_dict())
    return theirs


def randomised(module: nn.Module) -> nn.Module:
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.eval()


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class TestAttention:
    def test_it_is_torchs_own(self):
        attention, values = randomised(Attention(H, N)), torch.randn(B, T, H)
        expected, _ = into_torch(attention)(values, values, values)
        torch.testing.assert_close(attention(values), expected)

    def test_what_is_masked_is_not_attended_to(self):
        attention, values = randomised(Attention(H, N)), torch.randn(B, T, H)
        expected, _ = into_torch(attention)(values[:2], values[:2], values[:2], key_padding_mask=~MASK[:2])
        torch.testing.assert_close(attention(values, mask=MASK)[:2], expected)

    def test_a_row_of_no_steps_gives_the_bias_and_finite_gradients(self):
        attention, values = randomised(Attention(H, N)), torch.randn(B, T, H, requires_grad=True)
        result = attention(values, mask=MASK)
        torch.testing.assert_close(result[2], attention.out.bias.expand(T, H))
        result.sum().backward()
        assert values.grad.isfinite().all()

    def test_each_step_may_have_a_mask_of_its_own(self):
        attention, values = randomised(Attention(H, N)), torch.randn(B, T, H)
        earlier = torch.ones(T, T, dtype=torch.bool).tril()
        expected, _ = into_torch(attention)(values, values, values, attn_mask=~earlier)
        torch.testing.assert_close(attention(values, mask=earlier.unsqueeze(0)), expected)
        alone = attention(values, mask=earlier.tril(-1).unsqueeze(0))  # the first step attends to nothing
        torch.testing.assert_close(alone[:, 0], attention.out.bias.expand(B, H))

    @pytest.mark.parametrize("rotary", [False, True])
    def test_keys_and_values_may_be_kept(self, rotary):
        attention, values = randomised(Attention(H, N, rotary=rotary)), torch.randn(B, T, H)
        kept = attention.keys_and_values(values)
        found = attention.attend(values, *kept, causal(T, 0, values.device))
        torch.testing.assert_close(found, attention(values, mask=torch.ones(1, T, T).tril().bool()))

    def test_later_steps_see_those_that_came_before(self):
        assert causal(2, 3, torch.device("cpu")).tolist() == [[[True] * 4 + [False], [True] * 5]]

    def test_a_context_of_another_size(self):
        attention = randomised(Attention(H, N, context_size=3))
        values, context = torch.randn(B, T, H), torch.randn(B, 4, 3)
        theirs = nn.MultiheadAttention(H, N, kdim=3, vdim=3, batch_first=True)
        key, value = attention.key_value.weight.chunk(2)
        theirs.q_proj_weight.data, theirs.k_proj_weight.data = attention.query.weight.data, key.data
        theirs.v_proj_weight.data = value.data
        theirs.in_proj_bias.data = torch.cat([attention.query.bias, attention.key_value.bias])
        theirs.out_proj.load_state_dict(attention.out.state_dict())
        torch.testing.assert_close(attention(values, context), theirs(values, context, context)[0])

    @pytest.mark.parametrize(("size", "heads", "rotary"), [(8, 3, False), (6, 2, True)])
    def test_heads_that_do_not_fit_are_refused(self, size, heads, rotary):
        with pytest.raises(ConfigValidationError, match="hidden size of attention"):
            Attention(size, heads, rotary=rotary)

    def test_weights_start_by_the_rules(self):
        attention = Attention(H, N, spec=AttentionSpec(weights_initializer="identity", bias_initializer="ones"))
        assert torch.equal(attention.key_value.weight, torch.eye(H).repeat(2, 1))
        assert (attention.query.bias == 1).all()
        assert Attention(H, N, spec=AttentionSpec(use_bias=False)).out.bias is None


class TestRotary:
    def test_each_pair_is_turned_by_its_angle(self):
        values = torch.randn(1, 1, T, 4)
        pairs = torch.complex(values[..., :2], values[..., 2:])
        turned = pairs * torch.exp(1j * torch.outer(torch.arange(T), torch.tensor([1.0, 0.01])))  # 10000 ** (-2i / 4)
        torch.testing.assert_close(rotated(values), torch.cat([turned.real, turned.imag], dim=-1))

    def test_scores_depend_on_the_distance_alone(self):
        query, key = torch.randn(4), torch.randn(4)
        queries, keys = rotated(query.expand(1, 1, T, 4))[0, 0], rotated(key.expand(1, 1, T, 4))[0, 0]
        scores = queries @ keys.T
        torch.testing.assert_close(scores[0, 2], scores[2, 4])

    def test_order_matters_with_it_and_not_without(self):
        values = torch.randn(1, T, H)
        for rotary in (False, True):
            attention = randomised(Attention(H, N, rotary=rotary))
            same = torch.allclose(attention(values).flip(1), attention(values.flip(1)), atol=1e-5)
            assert same is not rotary


class TestBlock:
    @pytest.mark.parametrize("pre_norm", [True, False])
    def test_it_is_torchs_own(self, pre_norm):
        block = randomised(TransformerBlock(H, N, 16, 0.1, pre_norm=pre_norm))
        theirs = nn.TransformerEncoderLayer(H, N, 16, 0.1, activation="gelu", batch_first=True, norm_first=pre_norm)
        theirs.self_attn = into_torch(block.attention)
        theirs.linear1, theirs.linear2 = block.feed_forward.first, block.feed_forward.second
        theirs.norm1, theirs.norm2 = block.attention_norm, block.feed_forward_norm
        values = torch.randn(B, T, H)
        torch.testing.assert_close(block(values), theirs.eval()(values))

    def test_padding_changes_nothing(self):
        block, values = randomised(TransformerBlock(H, N, 16)), torch.randn(B, T, H)
        other = values.masked_fill(~MASK.unsqueeze(-1), 100.0)
        torch.testing.assert_close(block(values, MASK)[MASK], block(other, MASK)[MASK])

    def test_dropout_acts_in_training_only(self):
        block, values = TransformerBlock(H, N, 16, 0.5), torch.randn(B, T, H)
        assert not torch.equal(block(values), block(values))
        assert torch.equal(block.eval()(values), block(values))

    def test_a_gated_feed_forward_network(self):
        layer, values = randomised(FeedForward(H, 6, name="reglu")), torch.randn(B, H)
        gate, passed = layer.first(values).chunk(2, dim=-1)
        torch.testing.assert_close(layer(values), layer.second(gate.relu() * passed))

    def test_a_first_layer_may_go_without_its_first_norm(self):
        block, values = randomised(TransformerBlock(H, N, 16, normalises_first=False)), torch.randn(B, T, H)
        inner = values + block.attention(values)
        expected = inner + block.feed_forward(block.feed_forward_norm(inner))
        torch.testing.assert_close(block(values), expected)


def test_a_stack_normalises_at_its_end():
    stack, values = randomised(TransformerStack(2, H, N, 16)), torch.randn(B, T, H)
    one, two = stack.blocks
    torch.testing.assert_close(stack(values, MASK), stack.norm(two(one(values, MASK), MASK)))
    assert isinstance(TransformerStack(1, H, N, 16, pre_norm=False).norm, nn.Identity)
