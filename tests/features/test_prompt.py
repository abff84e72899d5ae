import json

import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError
from ludwig.features.prompt import Prompt, rendered

TABLE = pd.DataFrame(
    {"q": ["one", None, "thrée"], "n": [1.0, 2.0, np.nan], "a": ["x", "y", "z"], "split": [0, 1, 2]}, index=[7, 8, 9]
)


def prompts(template=None, task=None, fill="?"):
    return rendered(TABLE, Prompt(template=template, task=task), "q", ["a"], fill)


class TestRendering:
    def test_cells_stand_in_the_place_of_their_names(self):
        found = prompts("Q: {q} ({n})\nA:")
        assert found.tolist() == ["Q: one (1)\nA:", "Q: ? (2)\nA:", "Q: thrée (?)\nA:"]
        assert found.index.tolist() == [7, 8, 9]

    def test_double_braces_stay_braces(self):
        assert prompts('{{"q": "{q}"}}').iloc[0] == '{"q": "one"}'

    def test_a_sample_is_the_row_as_json_without_target_and_split(self):
        found = [json.loads(text) for text in prompts("{__sample__}")]
        assert found == [{"q": "one", "n": 1.0}, {"q": None, "n": 2.0}, {"q": "thrée", "n": None}]

    def test_the_task_is_put_in(self):
        assert prompts("{__task__}: {q}", "Translate").iloc[0] == "Translate: one"

    def test_a_task_without_a_template_goes_with_the_row(self):
        found = prompts(task="Translate").iloc[0]
        assert found.startswith("Translate")
        assert '"q": "one"' in found

    def test_a_row_without_the_inputs_cell_has_no_prompt_where_rows_are_given_up(self):
        assert prompts("{n}", fill=None).isna().tolist() == [False, True, False]

    def test_no_rows_give_no_prompts(self):
        for template in ("{q}", "{__sample__}"):
            assert rendered(TABLE.head(0), Prompt(template=template), "q", ["a"], "").tolist() == []

    def test_a_column_that_is_not_there_is_reported_with_the_nearest(self):
        table = TABLE.rename(columns={"n": "number"})
        with pytest.raises(InputDataError, match=r"no column 'numbr'.*Did you mean 'number'"):
            rendered(table, Prompt(template="{numbr}"), "q", ["a"], "")

    def test_placeholders_are_no_way_into_python(self):
        assert Prompt(template="{q.__class__}").names == ["q.__class__"]  # a column of that name, not an attribute


class TestRules:
    @pytest.mark.parametrize(
        ("template", "task", "parameter", "words"),
        [
            ("{q} {a}", None, "template", "output column 'a'"),
            ("{q}", "Translate", "template", "{__task__}"),
            ("{__task__} {q}", None, "task", "Set it to the task description"),
            ("always the same", None, "template", "placeholder"),
            ("{q", None, "template", "Cannot be read"),
            ("{q:>5}", None, "template", "and no more"),
            ("{q!r}", None, "template", "and no more"),
            ("{}", None, "template", "and no more"),
        ],
    )
    def test_what_does_not_go_together_is_reported(self, template, task, parameter, words):
        ((name, text),) = Prompt(template=template, task=task).faults(["a"])
        assert name == parameter
        assert words in text

    @pytest.mark.parametrize(
        ("template", "task"), [(None, None), (None, "Sum up"), ("{q}", None), ("{__sample__}", None)]
    )
    def test_what_goes_together_has_no_faults(self, template, task):
        assert Prompt(template=template, task=task).faults(["a"]) == []

    def test_it_looks_beyond_the_column_only_when_it_names_others(self):
        assert not Prompt().looks_beyond("q")
        assert not Prompt(template="{__task__} {q}", task="Sum up").looks_beyond("q")
        assert Prompt(template="{q} {n}").looks_beyond("q")
        assert Prompt(task="Sum up").looks_beyond("q")


def test_numbers_in_a_sample_keep_their_digits():
    table = pd.DataFrame({"a": [1e-12, 0.123456789012345], "b": ["x", "y"]})
    texts = rendered(table, Prompt(template="{__sample__}"), "b", [], "")
    assert [json.loads(text)["a"] for text in texts] == table["a"].tolist()
