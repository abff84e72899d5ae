"""Every encoder, combiner and decoder can be exported with torch.export, for batches of any size, with equal numbers.

B = rows of the batch
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

from ludwig.columns.dense import Dense
from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.combiners import COMBINERS
from ludwig.config import load_config
from ludwig.decoders import DECODERS
from ludwig.encoders import ENCODERS
from ludwig.models.assets import Assets
from ludwig.models.ecd.input_base import INPUTS
from ludwig.models.ecd.model import Ecd
from ludwig.outputs import OUTPUTS
from ludwig.schema import Registry
from tests.contracts import test_combiners, test_decoders, test_encoders
from tests.contracts.registries import components, registries
from tests.contracts.samples import FORMS, OPTIONS, SHAPES, batch_of, learned, signal_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:The tensor attributes .* were assigned during export"
    ),  # torch's own layers do so
]

GENERATES = "it generates until all rows have ended, which only running shows"
KEPT_OUT = {  # components that cannot be exported, as `encoders-text-bert`, and why
    f"decoders-{kind}-{name}": GENERATES
    for kind in ("sequence", "text")
    for name in ("generator", "transformer_generator")
}
KEPT_OUT["encoders-text-longformer"] = (
    "the library asks whether a token of the batch is global, which only running shows"
)
GENERATED = ("sequence", "text")  # outputs whose default decoder generates

EXAMPLE, OTHER = 3, 6  # rows


def every(registry: Registry[Any]) -> list[Any]:
    """(kind, name) of all components, each class once; those that are kept out must fail."""
    found, classes = [], set()
    for each in components():
        if registries()[each.registry] is registry and each.cls not in classes:
            classes.add(each.cls)
            reason = KEPT_OUT.get(str(each))
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            found.append(pytest.param(each.kind, each.name, id=str(each), marks=marks))
    return found


def exported(module: nn.Module, *example: Any) -> nn.Module:
    """The module as torch.export gives it, with the first dimension of all tensors open."""
    rows, shapes = torch.export.Dim("rows", min=1), torch.export.ShapesCollection()
    for leaf in pytree.tree_leaves(example):
        shapes[leaf] = {0: rows}
    return torch.export.export(module, example, dynamic_shapes=shapes, strict=False).module()


def hold_equal(module: nn.Module, example: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Export and module agree on batches of other sizes."""
    copy = exported(module.eval(), *example)
    expected, found = module(*other), copy(*other)
    assert pytree.tree_structure(found) == pytree.tree_structure(expected)
    for one, two in zip(pytree.tree_leaves(expected), pytree.tree_leaves(found), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), every(ENCODERS))
def test_an_encoder(kind, name):
    encoder = test_encoders.build(kind, name)
    batches = [test_encoders.column(kind, encoder, rows) for rows in (EXAMPLE, OTHER)]
    hold_equal(encoder, (batches[0],), (batches[1],))


@pytest.mark.parametrize(("kind", "name"), every(COMBINERS))
def test_a_combiner(kind, name):
    fitting = [forms for forms in test_combiners.COMBINATIONS if test_combiners.fits(name, {}, forms)]
    takes = sorted(COMBINERS.get(name).Config.takes)
    chosen = {next(forms for forms in fitting if form in forms) for form in takes}  # alone, or with the fewest others
    for forms in sorted(chosen | ({("tokens", "tokens")} & {*fitting})):
        combiner = test_combiners.build(name, {}, forms)
        hold_equal(combiner, (test_combiners.signals(forms, EXAMPLE),), (test_combiners.signals(forms, OTHER),))


@pytest.mark.parametrize(("kind", "name"), every(DECODERS))
def test_a_decoder(kind, name):
    for form in FORMS:
        if form in DECODERS.get(name, kind).Config.takes:
            decoder = test_decoders.build(kind, name, {}, form)
            hold_equal(decoder, (signal_of(SHAPES[form], EXAMPLE),), (signal_of(SHAPES[form], OTHER),))


@pytest.mark.parametrize("of_pixels", [False, True], ids=["", "of_pixels"])
def test_a_whole_model(of_pixels):
    """From a frame with an input of every type to the predictions of an output of every type that can be exported.

    Outputs of pixels read the maps of an image encoder that gives some, and no ensemble members.
    """
    inputs = [{"name": f"from_{kind}", "type": kind} for kind in INPUTS.names()]
    left_out = GENERATED if of_pixels else (*GENERATED, "image")
    outputs = [
        {"name": f"to_{kind}", "type": kind, "preprocessing": OPTIONS.get(kind, {})}
        for kind in OUTPUTS.names("ecd")
        if kind not in left_out
    ]
    if of_pixels:
        next(each for each in inputs if each["type"] == "image")["encoder"] = {"type": "unet", "out_channels": 4}
    config = load_config({"input_features": inputs, "output_features": outputs})
    columns = {each["name"]: (each["type"], each in outputs) for each in (*inputs, *outputs)}
    facts = {name: learned(kind, target=target)[1] for name, (kind, target) in columns.items()}

    def batch(rows: int) -> Frame:
        encoded = {each["name"]: batch_of(each["type"], rows).column("f") for each in inputs}
        return Frame.of(
            {name: column if isinstance(column, Padded) else Dense(column) for name, column in encoded.items()}
        )

    hold_equal(Ecd(config, facts, Assets()), (batch(EXAMPLE),), (batch(OTHER),))


def test_what_is_kept_out_exists():
    assert {*KEPT_OUT} <= {str(each) for each in components()}
