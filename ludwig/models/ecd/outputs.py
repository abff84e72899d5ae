"""The order in which outputs that read each other are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from ludwig.error import nearest


def dependency_faults(dependencies: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """(output, message) of dependencies that are unknown or form a cycle."""
    faults = []
    for name, wanted in dependencies.items():
        for other in wanted:
            if other not in dependencies:
                hint = nearest(other, dependencies)
                faults.append(
                    (name, f"There is no output feature '{other}'.{hint} Outputs: {', '.join(dependencies)}.")
                )
    if not faults:
        try:
            TopologicalSorter(dependencies).prepare()
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            faults.append((error.args[1][0], f"The dependencies form a cycle: {circle}. Remove one of them."))
    return faults


def computing_order(dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    """The outputs, each after those that it reads."""
    return list(TopologicalSorter(dependencies).static_order())
