import zlib

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import OneHotEncoder

from ludwig.api import LudwigModel
from ludwig.columns.frame import Frame
from ludwig.encoders import ENCODERS
from ludwig.features.category import CategoryFeature

SMALL = ["a", "b", "a", "a"]
LARGE = [f"word {n}" for n in range(9)]


def facts_of(column):
    feature = CategoryFeature(CategoryFeature.Config(), "x")
    return feature.finish(feature.tally(feature.parse(pd.Series(column))))


def ids_of(column, facts):
    feature = CategoryFeature(CategoryFeature.Config(), "x")
    return feature.encode(feature.parse(pd.Series(column)), facts).column.values


FACTS = [facts_of(SMALL), facts_of(LARGE)]  # 3 and 10 words, the unknown one included


def build(name, facts, **options):
    torch.manual_seed(0)
    return ENCODERS.get(name, "category").Config(**options).build(facts)


class TestDense:
    def test_each_column_reads_rows_of_its_own(self):
        encoder = build("dense", FACTS, embedding_size=4)
        ids = torch.tensor([[0, 0], [2, 9]], dtype=torch.int8)
        table = encoder.table.weight
        expected = torch.stack([torch.stack([table[0], table[3]]), torch.stack([table[2], table[12]])])
        torch.testing.assert_close(encoder(ids).values, expected)
        assert len(table) == 3 + 10

    @pytest.mark.parametrize(
        ("words", "asked", "size"), [(3, 50, 4), (4, 50, 4), (10, 50, 16), (10, 6, 6), (100, 50, 50)]
    )
    def test_a_token_is_as_wide_as_the_number_of_words_asks_for(self, words, asked, size):
        facts = facts_of([f"word {n}" for n in range(words - 1)])  # the unknown word is one more
        assert build("dense", [facts], embedding_size=asked).shape.size == size

    def test_an_unknown_word_has_an_embedding_of_its_own(self):
        (unseen,) = ids_of(["never seen"], FACTS[0])
        encoder = build("dense", FACTS[:1])
        torch.testing.assert_close(encoder(unseen.view(1, 1)).values[0, 0], encoder.table.weight[0])

    def test_embeddings_can_be_kept_as_they_are(self):
        assert [w for w in build("dense", FACTS, embeddings_trainable=False).parameters() if w.requires_grad] == []

    def test_they_start_by_the_initializer(self):
        assert (build("dense", FACTS, embedding_initializer="ones").table.weight == 1).all()

    def test_dropout_acts_in_training_only(self):
        encoder = build("dense", FACTS, embedding_initializer="ones", dropout=0.5)
        ids = torch.zeros(50, 2, dtype=torch.int8)
        assert set(encoder(ids).values.unique().tolist()) == {0.0, 2.0}
        assert (encoder.eval()(ids).values == 1).all()

    def test_pretrained_words_of_every_column_start_from_their_vectors(self, tmp_path):
        path = tmp_path / "vectors.txt"
        path.write_text("a 1 2\nword 3 3 4\nb 5 6\n", encoding="utf-8")
        facts = [facts_of(SMALL), facts_of(["b", "c"])]
        encoder = build("dense", facts, embedding_size=2, pretrained_embeddings=str(path))
        encoder.start(facts)
        ids = torch.stack([ids_of(["a", "b"], facts[0]), ids_of(["b", "b"], facts[1])], dim=1)
        assert encoder(ids).values.tolist() == [[[1, 2], [5, 6]], [[5, 6], [5, 6]]]

    def test_a_gradient_reaches_only_the_words_of_the_batch(self):
        encoder = build("dense", FACTS, embedding_size=4)
        encoder(torch.tensor([[1, 2]], dtype=torch.int8)).values.sum().backward()
        assert encoder.table.weight.grad.abs().sum(1).nonzero().flatten().tolist() == [1, 3 + 2]


class TestOneHot:
    def test_it_is_sklearns(self):
        facts = facts_of(LARGE)
        column = [*LARGE[::-1], LARGE[3]]
        theirs = OneHotEncoder(categories=[list(facts.vocabulary.words)], sparse_output=False)
        expected = theirs.fit_transform(np.array(column, dtype=object)[:, None])
        ours = build("onehot", [facts])(ids_of(column, facts))
        assert ours.form == "vector"
        np.testing.assert_array_equal(ours.values, expected)

    def test_nothing_is_trained(self):
        assert list(build("onehot", FACTS[:1]).parameters()) == []


class TestSparse:
    def test_it_starts_as_one_hot_codes(self):
        ids = torch.tensor([0, 2, 1], dtype=torch.int8)
        torch.testing.assert_close(build("sparse", FACTS[:1])(ids).values, torch.eye(3)[ids.long()])

    @pytest.mark.parametrize("learned", [True, False])
    def test_codes_are_trained_where_that_is_set(self, learned):
        encoder = build("sparse", FACTS[:1], embeddings_trainable=learned)
        assert encoder.table.weight.requires_grad is learned


class TestPassthrough:
    def test_the_id_is_the_number(self):
        ids = torch.tensor([[2, 9], [0, 1]], dtype=torch.int8)
        assert build("passthrough", FACTS)(ids).values.squeeze(-1).tolist() == [[2.0, 9.0], [0.0, 1.0]]


class TestTarget:
    def test_words_are_near_zero_at_the_start(self):
        tokens = build("target", FACTS, output_size=3)(torch.tensor([[1, 5]], dtype=torch.int8)).values
        assert tokens.shape == (1, 2, 3)
        assert 0 < tokens.abs().max() < 0.05

    def test_it_learns_where_a_relu_follows(self):
        table = pd.DataFrame({"c": list("abc") * 40, "y": [0.0, 10.0, 20.0] * 40})
        model = LudwigModel(
            {
                "input_features": [{"name": "c", "type": "category", "encoder": "target"}],
                "output_features": [{"name": "y", "type": "number"}],
                "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 16, "activation": "relu"},
                "trainer": {"epochs": 30, "learning_rate": 0.02, "batch_size": 16},
            }
        )
        model.train(table, output_directory=None)
        predicted = model.predict(table.head(3))[0]["y_predictions"].tolist()
        assert predicted == pytest.approx([0, 10, 20], abs=2)

    def test_the_embedding_of_a_category_is_trained(self):
        encoder = build("target", FACTS[:1])
        optimizer = torch.optim.SGD(encoder.parameters(), lr=0.5)
        for _ in range(20):
            loss = (encoder(torch.tensor([[1]])).values - 4).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert encoder(torch.tensor([[1]])).values.item() == pytest.approx(4)
        assert abs(encoder(torch.tensor([[2]])).values.item()) < 0.05


class TestHash:
    def test_a_word_falls_into_the_bucket_of_its_checksum(self):
        encoder = build("hash", FACTS[1:], num_hash_buckets=7, embedding_size=4)
        words = FACTS[1].vocabulary.words
        places = [zlib.crc32(word.encode("utf-8")) % 7 for word in words]
        torch.testing.assert_close(encoder(torch.arange(len(words))).values, encoder.table.weight[places])

    def test_a_large_vocabulary_needs_a_small_table(self):
        assert build("hash", FACTS[1:], num_hash_buckets=2).table.weight.shape == (2, 50)


@pytest.mark.parametrize("name", ["dense", "passthrough", "target"])
def test_columns_of_a_frame_come_as_one_block(name):
    columns = {"s": SMALL, "t": ["x", "y", "z", "x"]}
    facts = {key: facts_of(column) for key, column in columns.items()}
    feature = CategoryFeature(CategoryFeature.Config(), "x")
    frame = Frame.of(
        {key: feature.encode(feature.parse(pd.Series(column)), facts[key]).column for key, column in columns.items()}
    )
    signal = build(name, list(facts.values()))(frame.columns(("s", "t")))
    assert signal.values.shape[:2] == (4, 2)
    assert torch.equal(signal.values[0, 0], signal.values[2, 0])  # both are "a"


@pytest.mark.parametrize("name", ["embed", "dense"])
def test_the_older_name_means_the_same(name):
    assert ENCODERS.get(name, "category") is ENCODERS.get("dense", "category")
