import pytest

from ludwig.models.ecd.outputs import computing_order, dependency_faults


def test_each_output_comes_after_those_that_it_reads():
    dependencies = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": [], "e": []}
    order = computing_order(dependencies)
    assert sorted(order) == sorted(dependencies)
    for name, wanted in dependencies.items():
        assert all(order.index(other) < order.index(name) for other in wanted)


def test_without_dependencies_the_order_is_that_of_the_config():
    assert computing_order({"z": [], "a": [], "m": []}) == ["z", "a", "m"]


def test_the_order_is_the_same_each_time():
    dependencies = {"a": ["c"], "b": ["c"], "c": []}
    assert len({tuple(computing_order(dependencies)) for _ in range(20)}) == 1


def test_an_unknown_output_is_reported_with_the_nearest_name():
    ((name, message),) = dependency_faults({"price": ["speceis"], "species": []})
    assert name == "price"
    assert "Did you mean 'species'?" in message
    assert "Outputs: price, species." in message


@pytest.mark.parametrize(
    "dependencies", [{"a": ["a"]}, {"a": ["b"], "b": ["a"]}, {"a": ["b"], "b": ["c"], "c": ["a"], "d": []}]
)
def test_a_cycle_is_reported(dependencies):
    ((name, message),) = dependency_faults(dependencies)
    assert name in dependencies
    assert "form a cycle" in message
    assert message.count(" -> ") == sum(map(bool, dependencies.values()))


def test_a_chain_has_no_fault():
    assert dependency_faults({"a": ["b"], "b": ["c"], "c": []}) == []
