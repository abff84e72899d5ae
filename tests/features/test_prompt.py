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
            ("{q:abc}", None, "template", "no format"),
            ("{q:{n}}", None, "template", "no format"),
            ("{__sample__:>5}", None, "template", "no format"),
            ("{q!r}", None, "template", "the name of a column"),
            ("{}", None, "template", "the name of a column"),
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


def test_cells_are_formatted_as_python_formats_them():
    days = pd.to_datetime(["2024-02-03", "2024-12-31"])
    table = pd.DataFrame({"a": [1234.5678, np.nan], "t": ["2.5", "x"], "d": days, "k": [3.0, 4.0], "b": ["u", "v"]})

    def texts(template: str, rows: int = 2) -> list[str]:
        return rendered(table.head(rows), Prompt(template=template), "b", [], "?").tolist()

    assert texts("{a:.2f} {a:,.1f} {b:>3}|{b}") == ["1234.57 1,234.6   u|u", "? ?   v|v"]
    assert texts("{d:%d.%m.%Y}") == ["03.02.2024", "31.12.2024"]
    assert texts("{k:03d}") == ["003", "004"]  # whole numbers, although their column is one of floats
    assert texts("{t:.2f}", rows=1) == ["2.50"]  # a number that is written as text
    with pytest.raises(InputDataError, match=r"column 't' has 'x', and the prompt has the format '\.2f'"):
        texts("{t:.2f}")
    with pytest.raises(InputDataError, match="column 'a' has 1234.5678"):
        texts("{a:d}")
