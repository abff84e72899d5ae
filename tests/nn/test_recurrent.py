import pytest
import torch
from torch import nn

from ludwig.error import ConfigValidationError
from ludwig.nn.recurrent import Recurrent, RecurrentSpec

CELLS = ["rnn", "lstm", "gru"]
LENGTHS = torch.tensor([5, 3, 1, 0])
TORCHS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def batch(width: int = 5, filler: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of 5, 3, 1 and no steps, with a filler where there is none."""
    mask = torch.arange(width) < LENGTHS.unsqueeze(1)
    values = torch.full((4, width, 3), filler)
    values[:, :5] = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    values[~mask] = filler
    return values, mask


def torchs(ours: Recurrent, cell: str, layers: int, bidirectional: bool) -> nn.RNNBase:
    """Torch's own module with our weights."""
    theirs = TORCHS[cell](3, 4, layers, batch_first=True, bidirectional=bidirectional)
    for suffix, directions in (("", ours.ahead), ("_reverse", ours.back)):
        for place, direction in enumerate(directions):
            for name, weight in direction.layer.named_parameters():
                getattr(theirs, name.replace("l0", f"l{place}{suffix}")).data.copy_(weight)
    return theirs


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_states_are_those_of_torch_on_packed_rows(cell, bidirectional, layers):
    ours = Recurrent(
        3, RecurrentSpec(4, cell, num_layers=layers, bidirectional=bidirectional, bias_initializer="normal")
    )
    values, mask = (part[:3] for part in batch())  # torch packs no row without steps
    packed = nn.utils.rnn.pack_padded_sequence(values, LENGTHS[:3], batch_first=True)
    states, last = torchs(ours, cell, layers, bidirectional)(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
    last = last[0] if cell == "lstm" else last
    directions = 2 if bidirectional else 1
    result, at_the_end = ours(values, mask)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(at_the_end, torch.cat(list(last[-directions:]), dim=-1))
    assert ours.output_size == 4 * directions


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("activation", ["tanh", "gelu"])  # one that torch's layers know, one that they do not
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_changes_the_result(cell, activation, bidirectional):
    module = Recurrent(3, RecurrentSpec(4, cell, num_layers=2, bidirectional=bidirectional, activation=activation))
    states, last = module(*batch())
    longer, same_last = module(*batch(9, 100.0))
    torch.testing.assert_close(longer[:, :5], states)
    torch.testing.assert_close(same_last, last)
    assert longer[:, 5:].eq(0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_row_of_no_steps_gives_zeros(cell, bidirectional):
    states, last = Recurrent(3, RecurrentSpec(4, cell, bidirectional=bidirectional, bias_initializer="ones"))(*batch())
    assert states[3].eq(0).all() and last[3].eq(0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_loop_over_steps_gives_what_torchs_layer_gives(cell, use_bias):
    module = Recurrent(3, RecurrentSpec(4, cell, use_bias=use_bias, bias_initializer="normal")).ahead[0]
    if use_bias:
        nn.init.normal_(module.layer.bias_hh_l0)
    values, _ = batch()
    torch.testing.assert_close(module._step_by_step(values), module(values))


def test_relu_of_a_plain_cell_is_torchs_too():
    module = Recurrent(3, RecurrentSpec(4, "rnn", activation="relu")).ahead[0]
    values, _ = batch()
    assert module.is_standard and module.layer.nonlinearity == "relu"
    torch.testing.assert_close(module._step_by_step(values), module(values))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["gelu", "softmax", "entmax15", None])
def test_other_activations_run_step_by_step(cell, name):
    module = Recurrent(3, RecurrentSpec(4, cell, activation=name, recurrent_activation="hardsigmoid"))
    assert not module.ahead[0].is_standard
    states, last = module(*batch())
    assert states.isfinite().all() and last.isfinite().all()


def test_a_cell_worked_by_hand():
    # h1 = x1 = 1, h2 = x2 + 0.5 h1 = 2.5 with a linear activation
    module = Recurrent(
        1,
        RecurrentSpec(
            1, activation=None, weights_initializer="ones", recurrent_initializer={"type": "constant", "val": 0.5}
        ),
    )
    states, last = module(torch.tensor([[[1.0], [2.0]]]), torch.ones(1, 2, dtype=torch.bool))
    assert states.flatten().tolist() == [1.0, 2.5] and last.item() == 2.5


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_dropout_is_for_training_only(cell):
    module, (values, mask) = Recurrent(3, RecurrentSpec(4, cell, recurrent_dropout=0.5)), batch()
    dropped, _ = module(values, mask)
    kept, _ = module.eval()(values, mask)
    assert not torch.allclose(dropped, kept)
    torch.testing.assert_close(dropped[:, 0], kept[:, 0])  # no state has been handed on yet
    torch.testing.assert_close(kept, module(values, mask)[0])


def test_dropout_is_for_training_only():
    module, (values, mask) = Recurrent(3, RecurrentSpec(4, dropout=0.5)), batch()
    assert not torch.allclose(module(values, mask)[0], module.eval()(values, mask)[0])
    torch.testing.assert_close(module(values, mask)[0], module(values, mask)[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("rows", [1, 4])
def test_every_parameter_gets_a_finite_gradient(cell, activation, rows):
    module = Recurrent(
        3, RecurrentSpec(4, cell, num_layers=2, bidirectional=True, activation=activation, recurrent_dropout=0.1)
    )
    values, mask = (part[:rows] for part in batch(8, 7.0))
    values.requires_grad_()
    states, last = module(values, mask)
    (states.sum() + last.square().sum()).backward()
    assert values.grad.isfinite().all() and values.grad[~mask].eq(0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_each_gate_starts_by_itself():
    layer = Recurrent(4, RecurrentSpec(4, "gru", weights_initializer="identity")).ahead[0].layer
    assert torch.equal(layer.weight_ih_l0, torch.eye(4).repeat(3, 1))
    for gate in layer.weight_hh_l0.chunk(3):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4))
    assert layer.bias_ih_l0.eq(0).all() and layer.bias_hh_l0.eq(0).all()


@pytest.mark.parametrize("remembers", [True, False])
def test_the_forget_gate_may_start_open(remembers):
    layer = Recurrent(3, RecurrentSpec(4, "lstm", unit_forget_bias=remembers)).ahead[0].layer
    total = layer.bias_ih_l0 + layer.bias_hh_l0
    assert total[4:8].eq(float(remembers)).all() and total[:4].eq(0).all() and total[8:].eq(0).all()


@pytest.mark.parametrize("options", [{"activation": "swiglu"}, {"recurrent_activation": "reglu"}])
def test_an_activation_that_halves_its_input_is_refused(options):
    with pytest.raises(ConfigValidationError, match="halves its input"):
        Recurrent(3, RecurrentSpec(4, "lstm", **options))


@pytest.mark.filterwarnings("ignore:The tensor attributes .* were assigned during export")  # torch's own layers do so
@pytest.mark.parametrize("cell", CELLS)
def test_it_can_be_exported(cell):
    module, arguments = Recurrent(3, RecurrentSpec(4, cell, bidirectional=True)).eval(), batch()
    exported = torch.export.export(module, arguments).module()
    for ours, theirs in zip(module(*arguments), exported(*arguments), strict=True):
        torch.testing.assert_close(ours, theirs)
