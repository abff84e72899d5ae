import pytest
import torch

from ludwig.encoders.word_vectors import load_word_vectors
from ludwig.error import ConfigValidationError

IDS = {"<UNK>": 0, "sea": 1, "été": 2}


@pytest.fixture
def vectors(tmp_path):
    def write(text):
        path = tmp_path / "vectors.txt"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_known_words_are_filled_in_and_others_stay(vectors):
    table = torch.full((3, 2), 9.0)
    load_word_vectors(vectors("sea 0.5 -1\nland 3 4\nété 1e-1 2\n"), IDS, table)
    torch.testing.assert_close(table, torch.tensor([[9.0, 9.0], [0.5, -1.0], [0.1, 2.0]]))


def test_a_trained_table_can_be_filled_in(vectors):
    table = torch.nn.Parameter(torch.zeros(3, 2))
    load_word_vectors(vectors("sea 1 2"), IDS, table)
    assert table.tolist() == [[0, 0], [1, 2], [0, 0]]
    assert table.requires_grad
    assert table.is_leaf


def test_blank_lines_and_an_empty_file_change_nothing(vectors):
    table = torch.ones(3, 2)
    load_word_vectors(vectors("\n\n"), IDS, table)
    load_word_vectors(vectors(""), IDS, table)
    assert (table == 1).all()


def test_a_vector_of_another_size_is_reported_with_its_line(vectors):
    path = vectors("land 1 2\nsea 1 2 3\n")
    with pytest.raises(ConfigValidationError, match=r"line 2 of .* has 3 numbers, and embedding_size is 2"):
        load_word_vectors(path, IDS, torch.zeros(3, 2))


def test_vectors_of_words_that_are_not_known_may_have_any_size(vectors):
    load_word_vectors(vectors("400000 300\nland 1 2 3\n"), IDS, torch.zeros(3, 2))  # as the head of a fastText file


def test_a_file_that_is_not_there_is_reported():
    with pytest.raises(ConfigValidationError, match=r"there is no file '/nowhere/vectors.txt'"):
        load_word_vectors("/nowhere/vectors.txt", IDS, torch.zeros(3, 2))


def test_words_of_the_file_may_have_spaces(vectors):
    ids = {"at": 0, "New York": 1, ".": 2}
    table = torch.zeros(3, 2)
    load_word_vectors(vectors(". . . 9 9\nat name@domain.com 7 7\nat 1 2\nNew York 3 4\n. 5 6\n"), ids, table)
    assert table.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_what_is_no_number_is_reported_with_its_line(vectors):
    with pytest.raises(ConfigValidationError, match=r"line 2 of .* has 'x' where a number is expected"):
        load_word_vectors(vectors("land 1 2\nsea x 2\n"), IDS, torch.zeros(3, 2))
