"""Groups of options, what a layer overrides of them, and the specs that they fill."""

from __future__ import annotations

import dataclasses
import importlib
import pickle
from typing import Any

import marshmallow as ma
import pytest

import ludwig.encoders  # noqa: F401  (declares overrides)
from ludwig.schema import load, param
from ludwig.schema.groups import Overrides, filled, stack_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrushOptions:
    brush_width: int = param(3, min=1, help="Width.")
    brush_colour: str | None = param("red", help="Colour.")
    hairs: int = param(100, min=10, help="Hairs.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BrushOverrides(Overrides, of=BrushOptions, prefix="brush_"):
    """One entry of a list."""

    hairs: int | None = param(None, max=50, help="Hairs, narrower than those of the stack.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section(BrushOptions):
    width: int = param(8, help="Width of something else.")
    brushes: list[BrushOverrides] | None = param(None, help="Brushes.")


@dataclasses.dataclass(frozen=True)
class Brush:
    width: int = 1
    colour: str | None = None
    hairs: int = 0
    handle: str = "wood"


def test_overrides_have_the_options_of_the_group_without_the_prefix_all_null():
    assert {field.name for field in dataclasses.fields(BrushOverrides)} == {"width", "colour", "hairs"}
    assert dataclasses.astuple(BrushOverrides()) == (None, None, None)


def test_an_option_that_is_not_null_goes_before_that_of_the_stack():
    like = Brush(width=3, colour="red", hairs=100)
    layers = [BrushOverrides(), BrushOverrides(width=7), BrushOverrides(colour="blue", hairs=20)]
    assert stack_of(like, layers, 5) == [like, Brush(7, "red", 100), Brush(3, "blue", 20)]


def test_layers_that_are_not_listed_are_equal_and_an_empty_list_has_none():
    assert stack_of(Brush(), None, 2) == [Brush(), Brush()]
    assert stack_of(Brush(), [], 2) == []


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"width": 0}, "at least 1"),  # the bounds of the group
        ({"width": 2.5}, "an integer"),  # its type
        ({"hairs": 60}, "at most 50"),  # what the class declares itself
        ({"brush_width": 2}, "Unknown parameter"),
    ],
)
def test_overrides_are_checked_as_the_group_is(raw, message):
    with pytest.raises(ma.ValidationError, match=message):
        load(Section, {"brushes": [raw]})


def test_help_is_the_groups_and_explains_null():
    width, _, hairs = sorted(
        dataclasses.fields(BrushOverrides), key=lambda f: ("width", "colour", "hairs").index(f.name)
    )
    assert width.metadata["help"] == "Width. Here null takes the value of the whole stack."
    assert hairs.metadata["help"] == "Hairs, narrower than those of the stack."


def test_a_spec_is_filled_by_name_where_the_prefix_goes_before():
    section = Section(brush_width=5, brush_colour=None, hairs=30)
    assert filled(Brush, section, "brush_") == Brush(5, None, 30, "wood")
    assert filled(Brush, section) == Brush(8, None, 30, "wood")


OURS = [cls for cls in Overrides.__subclasses__() if cls.__module__.startswith("ludwig.")]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__qualname__)
def test_overrides_stand_where_their_name_says_and_pickle(cls):
    assert getattr(importlib.import_module(cls.__module__), cls.__qualname__) is cls
    entry: Any = cls(activation="tanh", dropout=0.5)
    assert pickle.loads(pickle.dumps(entry)) == entry
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.dropout = 0.1


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__qualname__)
def test_every_override_has_a_sentence_of_help(cls):
    assert all(field.metadata["help"].endswith(".") for field in dataclasses.fields(cls))
