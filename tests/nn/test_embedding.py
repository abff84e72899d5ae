import pytest
import torch

from ludwig.nn.embedding import CategoryTable, Table, TokenEmbedding

DTYPES = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 4])
def test_each_column_reads_its_own_rows(dtype, rows):
    table = CategoryTable([2, 5, 3], 4)
    ids = torch.stack([torch.randint(size, (rows,)) for size in (2, 5, 3)], dim=1).to(dtype)
    of_columns = table.weight.split([2, 5, 3])
    expected = torch.stack([part[ids[:, c].long()] for c, part in enumerate(of_columns)], dim=1)
    torch.testing.assert_close(table(ids), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
def test_small_ids_do_not_overflow_in_a_large_table(dtype):
    table = CategoryTable([100] * 50, 2)
    ids = torch.full((1, 50), 99, dtype=dtype)
    torch.testing.assert_close(table(ids)[0], table.weight[99::100])


@pytest.mark.parametrize("dtype", DTYPES)
def test_tokens_are_rows_of_the_table(dtype):
    embedding, ids = TokenEmbedding(6, 3), torch.randint(6, (2, 5)).to(dtype)
    torch.testing.assert_close(embedding(ids), embedding.weight[ids.long()])


def test_dropout_is_for_training_only():
    embedding, ids = TokenEmbedding(6, 50, initializer="ones", dropout=0.5), torch.zeros(2, 5, dtype=torch.long)
    assert 0.3 < embedding(ids).eq(0).float().mean() < 0.7
    assert embedding.eval()(ids).eq(1).all()


def test_gradients_reach_only_the_rows_that_were_read():
    table = CategoryTable([2, 3], 4)
    table(torch.tensor([[1, 0]])).sum().backward()
    assert table.weight.grad.sum(1).tolist() == [0, 4, 4, 0, 0]


def test_a_table_that_is_not_trainable_gets_no_gradient():
    assert not TokenEmbedding(6, 3, trainable=False)(torch.tensor([[1]])).requires_grad


@pytest.mark.parametrize("size", [1, 16, 400])
def test_embeddings_start_shorter_than_one_whatever_their_size(size):
    lengths = Table(50, size).weight.norm(dim=1)
    assert lengths.max() <= 1 and lengths.mean() > 0.3


def test_an_initializer_overrides_the_default_start():
    assert torch.equal(Table(3, 3, initializer="identity").weight, torch.eye(3))
    assert Table(3, 2, initializer={"type": "constant", "val": 2.0}).weight.eq(2).all()


@pytest.mark.parametrize(
    "make", [lambda: CategoryTable([2, 3], 4, on_cpu=True), lambda: TokenEmbedding(5, 4, on_cpu=True)]
)
def test_a_table_on_the_cpu_stays_there_and_its_result_goes_where_the_ids_are(make):
    model = torch.nn.Sequential(make(), torch.nn.Linear(4, 2)).to("meta")
    table, linear = model
    assert {t.device.type for t in table.state_dict().values()} == {"cpu"}
    assert linear.weight.device.type == "meta"
    assert table(torch.tensor([[1, 2]])).isfinite().all()


def test_the_ids_of_a_table_on_the_cpu_come_and_its_result_goes():
    class Elsewhere:
        """Ids on a second device; those on "meta" hold no numbers to look up."""

        device = torch.device("meta")

        def to(self, device):
            assert device == torch.device("cpu")
            return torch.zeros(2, 3, dtype=torch.long)

    result = Table(5, 4, on_cpu=True)(Elsewhere())
    assert result.device.type == "meta" and result.shape == (2, 3, 4)


def test_a_table_that_may_move_moves():
    assert CategoryTable([2, 3], 4).to("meta").weight.device.type == "meta"


def test_a_table_on_the_cpu_takes_over_the_dtype():
    table = CategoryTable([2, 3], 4, on_cpu=True).to("meta", torch.bfloat16)
    assert table.weight.dtype == torch.bfloat16 and table.weight.device.type == "cpu"
    assert table.first.dtype == torch.int32
    assert Table(2, 2, on_cpu=True).double().weight.dtype == torch.double
