"""A config as its user wrote it: from a YAML file, a YAML text or a dict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from ludwig.error import ConfigValidationError, LudwigError, NoSuchFileError
from ludwig.schema import plain_section
from ludwig.schema.plain import DEEPEST

BOOLEAN = "tag:yaml.org,2002:bool"
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e-3 for text; here it is the number that it looks like (as in YAML 1.2).

    A key that is given twice is an error, and so is nesting that would exhaust Python's stack.
    """

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            text = f"more than {DEEPEST} sections stand within each other"
            raise yaml.composer.ComposerError(None, None, text, None)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node: MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, ScalarNode) and key.tag != MERGE:
                self._refuse_boolean(key)
                _refuse_twice(key, lines)
        return node

    def _refuse_boolean(self, key: ScalarNode) -> None:
        if key.tag == BOOLEAN and key.value.lower() not in ("true", "false"):
            meaning = str(self.construct_yaml_bool(key)).lower()
            text = f"the key {key.value} is read as {meaning}; to have it as text, put it in quotes: '{key.value}'"
            raise yaml.constructor.ConstructorError(None, None, text, key.start_mark)


def _refuse_twice(key: ScalarNode, lines: dict[tuple[str, str], int]) -> None:
    line = key.start_mark.line + 1
    if (key.tag, key.value) in lines:
        first = lines[key.tag, key.value]
        text = f"the key '{key.value}' is given twice, in line {first} and in line {line}; remove one of them"
        raise yaml.constructor.ConstructorError(None, None, text, None)
    lines[key.tag, key.value] = line


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)$|^[-+]?(\d[\d_]*\.[\d_]*|\.\d[\d_]*)$|^[-+]?\.(inf|nan)$"
    ),
    list("-+0123456789."),
)


def read_yaml(text: str, where: str) -> dict[str, Any]:
    """The config in a YAML text.

    Raises:
        ConfigValidationError: The text is not valid YAML, has a key twice, or is not a mapping of sections.
    """
    try:
        raw = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # a ValueError for dates and numbers that do not exist
        raise ConfigValidationError(f"{where} is not valid YAML: {error}") from None
    return _section(raw, where)


def read_config(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The raw config of a file or a dict: a copy in plain values.

    Raises:
        NoSuchFileError: There is no such file.
        ConfigValidationError: It cannot be read, or holds no mapping of sections.
    """
    if not isinstance(source, str | Path):
        return _section(source, "The config")
    path = Path(source)
    where = f"The config file '{path}'"
    try:
        if not path.is_file():
            raise NoSuchFileError(_no_config(source))
        return read_yaml(path.read_text(encoding="utf-8"), where)
    except UnicodeDecodeError:
        raise ConfigValidationError(f"{where} is not a text in UTF-8. Save the config as YAML.") from None
    except LudwigError:
        raise
    except (OSError, ValueError) as error:  # a ValueError where a name holds a zero byte
        raise ConfigValidationError(f"The config file '{path!s:.200}' cannot be read: {error!s:.200}.") from None


def _no_config(source: str | Path) -> str:
    text = str(source)
    if "\n" in text:
        return "There is no config file of that name. To pass the text of a config, load it with yaml.safe_load."
    return f"There is no config file '{text}'."


def _section(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise ConfigValidationError(f"{where} must be a mapping of sections. Received: {type(raw).__name__}.")
    return plain_section(raw)
