"""Dataclasses as trees of tensors, so that `tree_map` and `torch.export` take them as inputs and outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from torch.utils._pytree import GetAttrKey, register_pytree_node


def register_tree(cls: type[Any], constants: tuple[str, ...] = ()) -> None:
    """Registers a dataclass as a pytree: its fields are the children; those that are None are left out.

    Args:
        constants: The fields that hold text, numbers or tuples of them, no tensors. They belong to the structure.
    """
    # torch.utils._pytree.register_dataclass does the same, but knows no constants, and torch 2.6 does not have it.
    fields = [field.name for field in dataclasses.fields(cls) if field.name not in constants]

    def context_of(value: Any) -> list[Any]:
        present = [name for name in fields if getattr(value, name) is not None]
        return [present, {name: getattr(value, name) for name in constants}]

    def flatten(value: Any) -> tuple[list[Any], list[Any]]:
        context = context_of(value)
        return [getattr(value, name) for name in context[0]], context

    def flatten_with_keys(value: Any) -> tuple[list[tuple[Any, Any]], list[Any]]:
        context = context_of(value)
        return [(GetAttrKey(name), getattr(value, name)) for name in context[0]], context

    def unflatten(children: Iterable[Any], context: list[Any]) -> Any:
        present, fixed = context
        return cls(**{**dict.fromkeys(fields), **dict(zip(present, children, strict=True)), **fixed})

    def from_json(context: list[Any]) -> list[Any]:  # JSON has no tuples
        present, fixed = context
        return [present, {name: tuple(each) if isinstance(each, list) else each for name, each in fixed.items()}]

    register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
        to_dumpable_context=list,
        from_dumpable_context=from_json,
        flatten_with_keys_fn=flatten_with_keys,
    )
