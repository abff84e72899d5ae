from ludwig.data.names import sanitize


def test_each_unsafe_sign_becomes_an_underscore_and_spaces_stay():
    assert sanitize("""y.z w(1){2}:"'[3]""") == "y_z w_1__2_____3_"


def test_a_name_may_be_a_number():
    assert sanitize(7) == "7"


def test_clean_names_stay_clean():
    assert sanitize(sanitize("a.b")) == sanitize("a.b") == "a_b"
