"""Statistics of texts against numbers worked out by hand."""

import sys

import pytest

from ludwig.metrics.text import text_statistics

FOUND = ["the cat sat", "a dog", "anything"]
WANTED = ["the cat sat", "one big dog", ""]


def test_error_rates_count_edits_for_each_word_and_character_of_the_wanted_texts():
    pytest.importorskip("jiwer")
    statistics = text_statistics(FOUND, WANTED)
    assert statistics["wer"] == pytest.approx(2 / 6)  # one word replaced, one missing
    assert statistics["cer"] == pytest.approx(7 / 22)  # "a dog" to "one big dog": one replaced, six put in


def test_overlap_is_full_where_texts_are_equal():
    pytest.importorskip("sacrebleu")
    texts = ["the cat sat on the mat", "it is a big dog"]
    statistics = text_statistics(texts, texts)
    assert statistics["bleu"] == pytest.approx(100)
    assert statistics["chrf"] == pytest.approx(100)


def test_rouge_is_the_mean_f_measure_of_the_rows():
    pytest.importorskip("rouge_score")
    statistics = text_statistics(FOUND, WANTED)
    assert statistics["rouge1"] == pytest.approx((1 + 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3)) / 2)


def test_nothing_is_computed_of_no_texts_or_without_the_packages(monkeypatch):
    assert text_statistics(["a"], [""]) == {}
    for package in ("sacrebleu", "rouge_score.rouge_scorer", "jiwer"):
        monkeypatch.setitem(sys.modules, package, None)
    assert text_statistics(FOUND, WANTED) == {}
