import pytest

from ludwig.data.names import refuse_absent, sanitize
from ludwig.error import InputDataError


def test_each_unsafe_sign_becomes_an_underscore_and_spaces_stay():
    assert sanitize("""y.z w(1){2}:"'[3]""") == "y_z w_1__2_____3_"


def test_a_name_may_be_a_number():
    assert sanitize(7) == "7"


def test_clean_names_stay_clean():
    assert sanitize(sanitize("a.b")) == sanitize("a.b") == "a_b"


def test_an_absent_column_is_reported_with_the_nearest_of_many():
    names = [f"column {place}" for place in range(50)] + ["Weight"]
    with pytest.raises(
        InputDataError, match=r"'weight' of x \(Did you mean 'Weight'\?\)\. Its columns: Weight, .* more"
    ):
        refuse_absent({"weight": "x", "column 3": "y"}, names)
    with pytest.raises(InputDataError, match="'a' of x. It has no columns at all."):
        refuse_absent({"a": "x"}, [])
    refuse_absent({"a": "x", "7": "y"}, ["a", 7])
