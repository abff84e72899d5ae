import warnings

import pytest

from ludwig.config import load_config
from ludwig.error import LudwigWarning

AS_RENDERED = {  # with the defaults of other versions
    "in_memory": True,
    "requires_equal_dimensions": False,
    "prefetch_size": None,
    "num_classes": None,
    "infer_image_num_classes": False,
    "lazy_cache_dir": None,
    "mode": "lazy",
    "standardize_image": None,
}


def loaded(**options):
    inputs = [{"name": "photo", "type": "image", "preprocessing": options}, {"name": "other", "type": "image"}]
    return load_config({"input_features": inputs, "output_features": [{"name": "y", "type": "number"}]})


@pytest.mark.parametrize("options", [AS_RENDERED, {"in_memory": False}, {"in_memory": False, "mode": "lazy_cached"}])
def test_what_changes_nothing_goes_without_a_word(options):
    with warnings.catch_warnings(action="error"):
        assert loaded(**options).input_features[0].preprocessing.mode == options.get("mode", "lazy")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"in_memory": False, "mode": "eager"}, "in_memory of photo has no effect .*: mode decides"),
        ({"requires_equal_dimensions": True}, "requires_equal_dimensions of photo .* resized to one size"),
        ({"prefetch_size": 4}, "prefetch_size of photo .* num_processes"),
        ({"num_classes": 3}, "num_classes of photo .* only image outputs"),
    ],
)
def test_what_would_do_something_is_reported_once(options, words):
    with pytest.warns(LudwigWarning, match=words) as seen:
        loaded(**options)
    assert len(seen) == 1
