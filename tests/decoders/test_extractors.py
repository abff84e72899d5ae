import pytest

from ludwig.decoders.extractors import EXTRACTORS, CategoryExtractor, Match
from ludwig.schema import dump, load

LABELS = ("good", "bad", "not good")


def extractor(**options):
    return CategoryExtractor.Config(**options).build(LABELS, "bad")


class TestCategoryExtractor:
    @pytest.mark.parametrize(
        ("answer", "label"),
        [("It is GOOD.", "good"), ("not good at all", "not good"), ("who knows", "bad"), ("", "bad")],
    )
    def test_without_rules_a_label_is_looked_for_the_longest_first(self, answer, label):
        assert LABELS[extractor().label(answer)] == label

    def test_the_first_rule_that_fits_wins(self):
        rules = {"not good": Match(value="never"), "good": Match(type="regex", value="^y(es)?$")}
        assert LABELS[extractor(match=rules).label("Yes")] == "good"
        assert LABELS[extractor(match=rules).label("yesterday")] == "bad"
        assert LABELS[extractor(match=rules).label("never")] == "not good"

    def test_a_text_is_no_pattern(self):
        assert LABELS[extractor(match={"good": Match(value="a.b")}).label("axb")] == "bad"

    def test_unknown_labels_and_broken_patterns_are_reported(self):
        config = CategoryExtractor.Config(
            match={"god": Match(value="x"), "good": Match(type="regex", value="(")}, fallback_label="bad"
        )
        (first, text), (second, other) = config.faults(LABELS)
        assert (first, second) == ("match.god", "match.good.value")
        assert "Did you mean 'good'" in text
        assert "regular expression" in other

    def test_the_section_survives_the_config_file(self):
        config = CategoryExtractor.Config(match={"good": Match(type="regex", value="^g")}, fallback_label="bad")
        assert load(CategoryExtractor.Config, dump(config)) == config


def test_every_extractor_is_built_from_its_defaults():
    for _, name, component in EXTRACTORS:
        assert component.Config().type == name
