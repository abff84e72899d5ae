"""The grammar of the config: how a component declares itself and how a config is checked against that."""

from ludwig.schema.derive import Chosen, Named, dump, entries_of, fingerprint, load, schema_of
from ludwig.schema.export import json_schema
from ludwig.schema.params import param
from ludwig.schema.plain import plain_section, plain_value
from ludwig.schema.registry import ANY, Component, Registry

__all__ = [
    "ANY",
    "Chosen",
    "Component",
    "Named",
    "Registry",
    "dump",
    "entries_of",
    "fingerprint",
    "json_schema",
    "load",
    "param",
    "plain_section",
    "plain_value",
    "schema_of",
]
