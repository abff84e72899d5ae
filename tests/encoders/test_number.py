import math

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.encoders import ENCODERS, Encoder
from ludwig.features.number import NumberFacts, NumberFeature
from ludwig.nn.signal import Shape

RANDOM = np.random.default_rng(0)
COLUMNS = [RANDOM.normal(50, 20, 400), RANDOM.exponential(3, 400), np.full(400, 7.0)]  # the last is constant
NAMES = ["ple", "periodic", "bins"]


def facts_of(column: np.ndarray) -> NumberFacts:
    feature = NumberFeature(NumberFeature.Config(normalization="zscore"), "x")
    return feature.finish(feature.tally(feature.parse(pd.Series(column))))


def scaled(column: np.ndarray) -> np.ndarray:
    return (column - column.mean()) / (column.std() or 1)


FACTS = [facts_of(column) for column in COLUMNS]
SCALED = torch.from_numpy(np.stack([scaled(column) for column in COLUMNS], axis=1)).float()  # [N, C]


def build(name: str, **options) -> Encoder:
    torch.manual_seed(0)
    return ENCODERS.get(name, "number").Config(output_size=5, **options).build(FACTS)


def weights_of(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    return encoder.weight.detach().double().numpy(), encoder.bias.detach().double().numpy()


def filled(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How far each number has filled each bin, one bin after the other."""
    return np.stack([np.clip((numbers - a) / (b - a), 0, 1) for a, b in zip(edges, edges[1:], strict=False)], axis=1)


class TestPiecewiseLinear:
    @pytest.mark.parametrize("column", [0, 1])
    def test_the_bins_have_equal_mass_and_fill_from_the_left(self, column):
        encoder = build("ple", num_bins=8, with_number=False)
        numbers = SCALED[:, column].double().numpy()
        shares = filled(numbers, np.quantile(numbers, np.linspace(0, 1, 9)))
        weight, bias = weights_of(encoder)
        expected = shares @ weight[column] + bias[column]
        np.testing.assert_allclose(encoder(SCALED).values[:, column].detach(), expected, atol=1e-4)

    def test_edges_that_are_given_are_in_own_units(self):
        encoder = build("ple", ple_bin_edges=[0.0, 40.0, 60.0, 100.0], with_number=False)
        numbers = COLUMNS[0]
        weight, bias = weights_of(encoder)
        expected = filled(numbers, np.array([0.0, 40.0, 60.0, 100.0])) @ weight[0] + bias[0]
        np.testing.assert_allclose(encoder(SCALED).values[:, 0].detach(), expected, atol=1e-4)

    def test_beyond_the_range_of_the_training_split_nothing_grows_but_the_number(self):
        encoder = build("ple", num_bins=4)
        far, further = encoder(torch.tensor([[1e3] * 3, [1e6] * 3])).values
        torch.testing.assert_close(far[:, 1:], further[:, 1:])
        assert (far[:, 0].unique().item(), further[:, 0].unique().item()) == (1e3, 1e6)

    def test_the_number_itself_is_the_first_entry(self):
        tokens = build("ple")(SCALED).values
        assert tokens.shape == (400, 3, 6)
        torch.testing.assert_close(tokens[:, :, 0], SCALED)

    def test_bins_of_no_width_are_left_out(self):
        column = np.array([0.0] * 320 + list(range(1, 81)))  # three of four quantiles are 0
        encoder = ENCODERS.get("ple", "number").Config(num_bins=4, with_number=False).build([facts_of(column)])
        ((*empty, full),) = encoder.per_width.tolist()
        assert empty == [0.0, 0.0, 0.0]
        numbers = torch.from_numpy(scaled(column)).float().unsqueeze(1)
        low = np.quantile(column, 0.75)
        assert full == pytest.approx(column.std() / (80 - low), rel=1e-4)
        assert (encoder.weight[0, :3] == 0).all()
        shares = np.clip((column - low) / (80 - low), 0, 1)[:, None]
        expected = shares * encoder.weight[0, 3].detach().numpy() + encoder.bias[0].detach().numpy()
        np.testing.assert_allclose(encoder(numbers).values[:, 0].detach(), expected, atol=1e-5)

    @pytest.mark.parametrize(("columns", "bins", "size"), [(3, 24, 8), (1000, 16, 3), (5000, 4, 1)])
    def test_wide_tables_get_fewer_bins_and_smaller_tokens(self, columns, bins, size):
        encoder = ENCODERS.get("ple", "number").Config().build(FACTS[:1] * columns)
        assert encoder.weight.shape == (columns, bins, size)
        assert encoder.shape == Shape("tokens", size + 1, columns)

    def test_a_constant_column_gives_one_token_beside_its_number(self):
        tokens = build("ple", num_bins=4)(torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 9.0]])).values
        assert torch.equal(tokens[0, 2, 1:], tokens[1, 2, 1:])


class TestPeriodic:
    def test_it_is_a_linear_map_of_sines_and_cosines(self):
        encoder = build("periodic", num_frequencies=6, sigma=0.3)
        frequencies = encoder.frequencies.detach().double().numpy()
        numbers = SCALED.double().numpy()
        weight, bias = weights_of(encoder)
        for column in range(3):
            angles = 2 * math.pi * np.outer(numbers[:, column], frequencies[column])
            waves = np.hstack([np.sin(angles), np.cos(angles)])
            expected = np.maximum(waves @ weight[column] + bias[column], 0)
            np.testing.assert_allclose(encoder(SCALED).values[:, column].detach(), expected, atol=1e-4)

    def test_frequencies_spread_by_sigma(self):
        encoder = build("periodic", num_frequencies=4000, sigma=2.5)
        assert encoder.frequencies.std().item() == pytest.approx(2.5, rel=0.05)


class TestBins:
    @pytest.mark.parametrize("column", [0, 1])
    def test_a_number_gets_the_embedding_of_its_bin(self, column):
        encoder = build("bins", num_bins=8)
        numbers = SCALED[:, column].double().numpy()
        inner = np.quantile(numbers, np.linspace(0, 1, 9))[1:-1]
        places = np.digitize(numbers, inner, right=True) + 8 * column  # each column has rows of its own
        torch.testing.assert_close(encoder(SCALED).values[:, column], encoder.table.weight[torch.from_numpy(places)])

    def test_all_bins_of_a_column_are_equally_full(self):
        encoder = build("bins", num_bins=4)
        encoder.table.weight.data = torch.arange(12.0).unsqueeze(1).expand(12, 5).contiguous()
        _, counts = encoder(SCALED).values[:, 0, 0].unique(return_counts=True)
        assert counts.tolist() == [100, 100, 100, 100]

    def test_a_number_at_an_edge_belongs_to_the_bin_below(self):
        encoder = build("bins", bins_bin_edges=[0.0, 40.0, 100.0])
        at, above = (torch.tensor([[(x - COLUMNS[0].mean()) / COLUMNS[0].std(), 0, 0]]).float() for x in (39.9, 40.1))
        assert not torch.equal(encoder(at).values[:, 0], encoder(above).values[:, 0])
        torch.testing.assert_close(encoder(at).values[0, 0], encoder.table.weight[0])

    def test_one_bin_holds_everything(self):
        values = build("bins", num_bins=1)(SCALED).values[:, 0]
        assert (values == values[0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_number_has_a_trained_token_of_its_own(name):
    facts = [facts_of(np.where(np.arange(400) % 7 == 0, np.nan, column)) for column in COLUMNS]
    encoder = ENCODERS.get(name, "number").Config(output_size=5).build(facts)
    assert (encoder.missing == 0).all()  # at first
    torch.nn.init.normal_(encoder.missing)
    numbers = torch.zeros(2, 3)
    numbers[1, 1] = float("nan")
    there, gone = encoder(numbers).values
    assert torch.equal(gone[1], encoder.missing[1])
    assert torch.equal(gone[0], there[0])
    gone.sum().backward()
    assert (encoder.missing.grad[1] == 1).all()
    assert (encoder.missing.grad[[0, 2]] == 0).all()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_without_missing_numbers_in_training_there_is_no_such_token(name):
    assert build(name).missing is None


@pytest.mark.parametrize("name", NAMES)
def test_columns_do_not_see_each_other(name):
    encoder = build(name)
    one, other = encoder(torch.tensor([[0.5, 0.3, 0.0], [0.5, -0.9, 1.0]])).values
    torch.testing.assert_close(one[0], other[0])


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_equal_numbers_have_weights_of_their_own(name):
    tokens = build(name)(torch.zeros(1, 3)).values[0]
    assert not torch.equal(tokens[0], tokens[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_odd_numbers_give_finite_tokens_and_gradients(name, number):
    encoder = build(name)
    tokens = encoder(torch.full((2, 3), number)).values
    assert tokens.isfinite().all()
    tokens.sum().backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_may_have_no_rows(name):
    encoder = build(name)
    assert encoder(torch.empty(0, 3)).values.shape == (0, 3, encoder.shape.size)


@pytest.mark.parametrize(("name", "option"), [("ple", "ple_bin_edges"), ("bins", "bins_bin_edges")])
@pytest.mark.parametrize("edges", [[], [1.0], [2.0, 1.0], [1.0, 1.0, 2.0]])
def test_edges_must_ascend(name, option, edges):
    ((where, message),) = ENCODERS.get(name, "number").Config(**{option: edges}).faults()
    assert where == option
    assert str(edges) in message


@pytest.mark.parametrize(("name", "option"), [("ple", "ple_bin_edges"), ("bins", "bins_bin_edges")])
def test_edges_that_ascend_are_no_fault(name, option):
    assert ENCODERS.get(name, "number").Config(**{option: [0.0, 1.0]}).faults() == []
    assert ENCODERS.get(name, "number").Config().faults() == []
