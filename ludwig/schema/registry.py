"""A named table of components of one role: all encoders, all combiners, all optimizers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, TypeVar

from ludwig.error import nearest, with_article

ANY = "*"


class Component:
    """A class that a config can name. Its nested `Config` lists its options, beside the code that reads them."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        owner: ClassVar[Callable[..., Any]]
        type: ClassVar[str]

        def build(self, *args: Any, **runtime: Any) -> Any:
            """Constructs the component from these options and from what only the running program knows."""
            return self.owner(self, *args, **runtime)


C = TypeVar("C")


def quoting(value: object) -> str:
    """' In YAML ...' where a truth value stands in the place of a text, else nothing."""
    return " YAML reads yes, no, on and off as true and false: put the word in quotes." * isinstance(value, bool)


class Registry(Generic[C]):
    """Components by name and, where one name means different things, by the kind of feature that they serve."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._table: dict[tuple[str, str], type[C]] = {}
        self._aliases: set[tuple[str, str]] = set()
        self._refused: dict[str, str] = {}

    def register(
        self, name: str, kinds: Iterable[str] = (ANY,), aliases: Iterable[str] = ()
    ) -> Callable[[type[C]], type[C]]:
        """Class decorator: `@ENCODERS.register("ple", kinds=("number",))`.

        Raises:
            TypeError: A component has no `Config` of its own, so it would take over its parent's.
            ValueError: The name is taken for one of the kinds.
        """

        def add(cls: type[C]) -> type[C]:
            if issubclass(cls, Component) and "Config" not in cls.__dict__:
                raise TypeError(f"{cls.__qualname__} must declare its own Config; it may subclass its parent's.")
            for kind in kinds:
                for word in (name, *aliases):
                    other = self._table.setdefault((kind, word), cls)
                    if other is not cls:
                        raise ValueError(
                            f"The {self.role} '{word}' is registered twice: "
                            f"{other.__qualname__} and {cls.__qualname__}."
                        )
                self._aliases.update((kind, word) for word in aliases)
            if issubclass(cls, Component):
                cls.Config.owner, cls.Config.type = cls, name
            return cls

        return add

    def refuse(self, name: str, reason: str) -> None:
        """A name of the config language that stands for nothing here: the reason names alternatives."""
        self._refused[name] = reason

    def __iter__(self) -> Iterator[tuple[str, str, type[C]]]:
        """(kind, name, class) of everything that is registered, aliases aside."""
        for key, cls in self._table.items():
            if key not in self._aliases:
                yield *key, cls

    def names(self, kind: str = ANY) -> list[str]:
        """The names for a kind of feature, aliases aside."""
        return sorted({name for k, name, _ in self if k in (kind, ANY)})

    def words(self, kind: str = ANY) -> list[str]:
        """The names and aliases for a kind of feature."""
        return sorted({name for k, name in self._table if k in (kind, ANY)})

    def words_of(self, name: str, kind: str = ANY) -> list[str]:
        """All words for the component of that name, the name itself first."""
        component = self.get(name, kind)
        return [name, *(word for word in self.words(kind) if word != name and self.get(word, kind) is component)]

    def get(self, name: str, kind: str = ANY) -> type[C]:
        """The component of that name for that kind of feature.

        Raises:
            LookupError: There is none; the message names the nearest one and all that exist.
        """
        is_name = isinstance(name, str)  # a list, as a config may have in its place, is no key of a table
        for key in ((kind, name), (ANY, name)) if is_name else ():
            if key in self._table:
                return self._table[key]
        choices = ", ".join(self.names(kind))
        if not is_name:
            raise LookupError(
                f"The {self.role} must be a name. Received: {name!r:.200}.{quoting(name)} Choose one of: {choices}."
            )
        if name in self._refused:
            raise LookupError(self._refused[name])
        where = "" if kind == ANY else f" for {with_article(kind)} feature"
        raise LookupError(
            f"There is no {self.role} '{name}'{where}.{nearest(name, self.words(kind))} Choose one of: {choices}."
        )
