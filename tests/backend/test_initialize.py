"""A backend by its name, its section or itself."""

from pathlib import Path

import pytest

from ludwig.backend import LocalBackend, initialize_backend
from ludwig.error import ArgumentError


@pytest.mark.parametrize("given", [None, "local", {}, {"type": "local"}, {"type": None}])
def test_the_local_one_is_meant_where_nothing_else_is(given):
    assert isinstance(initialize_backend(given), LocalBackend)


def test_a_backend_is_itself_and_a_folder_a_text_or_a_path(tmp_path):
    one = initialize_backend({"type": "local", "cache_dir": str(tmp_path)})
    assert initialize_backend(one) is one
    assert initialize_backend({"cache_dir": Path(tmp_path)}).cache_dir == one.cache_dir == tmp_path


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"cache_dri": "x"}, "'local' cannot be used: cache_dri: Unknown parameter. Did you mean 'cache_dir'"),
        ({"cache_dir": 5}, "cache_dir: Must be a string. Received: 5"),
        ("locl", "no backend 'locl'. Did you mean 'local'"),
        ({"type": ["local"]}, "backend must be a name"),
        (5, "`backend` must be a name, a section .* Received: int"),
    ],
)
def test_what_cannot_be_a_backend_is_reported(given, match):
    with pytest.raises(ArgumentError, match=match):
        initialize_backend(given)
