"""The laws of docs/architecture.md, proved on the syntax trees of the files under ludwig/."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A room is a package or a module directly under ludwig/; the section of a search stands below the whole config.
FLOORS = {
    0: "error globals constants",
    1: "nn",
    2: "columns schema runtime callbacks",
    3: "augmentations decoders features losses metrics integrations pretrained",
    4: "encoders outputs data contribs",
    5: "combiners datasets api_types",
    6: "models",
    7: "inference",
    8: "training visualize",
    9: "backend hyperopt.config",
    10: "config",
    11: "lifecycle",
    12: "kfold forecast export hub",
    13: "api",
    14: "hyperopt explain sklearn",
    15: "serve automl",
    16: "cli",
    17: "__main__ utils",
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}
WAIST = FLOOR_OF["api"]

# What may be imported inside a function: optional packages, and those that are slow to import.
LAZY = [
    *("transformers", "peft", "accelerate", "bitsandbytes", "huggingface_hub", "safetensors", "ray", "optuna"),
    *("onnx", "onnxscript", "onnxruntime", "torch._dynamo", "sklearn", "scipy", "h5py", "tables", "fsspec"),
    *("matplotlib", "PIL", "soundfile", "openpyxl", "pyreadstat", "lxml", "fastapi", "uvicorn"),
    *("sacrebleu", "rouge_score", "jiwer", "cmaes"),
    *("torch.distributed.device_mesh", "torch.distributed.fsdp", "torch.distributed.tensor"),
    *("tensorboard", "torch.utils.tensorboard", "mlflow", "wandb", "comet_ml", "aim"),
    *("torchvision", "timm", "spacy"),
]
FOR_OLD_SCRIPTS = {"ludwig.utils", "ludwig.utils.data_utils"}  # the one exemption from "no utils"
PANDAS_ROOMS = {"data", "features", "kfold", "forecast", "datasets"}
SLOW_TO_IMPORT = [
    *("torch._dynamo", "sympy", "transformers", "sklearn", "scipy", "h5py", "matplotlib", "PIL"),
    *("peft", "bitsandbytes", "ray", "optuna", "tensorboard", "torchvision", "timm", "spacy"),
]


def _room(module: str) -> str:
    """`data` of `ludwig.data.split`, and `hyperopt.config`, which has a floor of its own; empty for `ludwig` itself."""
    parts = module.split(".")[1:3]
    return ".".join(parts) if ".".join(parts) in FLOOR_OF else "".join(parts[:1])


@dataclasses.dataclass(frozen=True)
class Source:
    """A file under ludwig/ and what can be read off its syntax tree."""

    path: Path
    module: str  # dotted; of a package: the package's own name

    @property
    def room(self) -> str:
        return _room(self.module)

    @property
    def is_init(self) -> bool:
        return self.path.name == "__init__.py"

    @functools.cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @functools.cached_property
    def imports(self) -> list[Import]:
        return list(_imports_of(self))

    @functools.cached_property
    def registers(self) -> bool:
        """Whether a component is entered here into a registry that stands elsewhere: `@ENCODERS.register(...)`."""
        registries = {
            node.func.value.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "register"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id.isupper()
        }
        imported = {
            alias.name for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        return bool(registries & imported)

    def at(self, node: ast.AST | int) -> str:
        line = node if isinstance(node, int) else node.lineno  # type: ignore[attr-defined]
        return f"{self.path.relative_to(ROOT)}:{line}"


@dataclasses.dataclass(frozen=True)
class Import:
    source: Source
    target: str  # the module, dotted
    line: int
    function: str | None  # the function that it stands in

    @property
    def room(self) -> str:
        return _room(self.target)

    @property
    def is_ours(self) -> bool:
        return self.target.split(".")[0] == "ludwig"

    def __str__(self) -> str:
        return f"{self.source.at(self.line)} imports {self.target}"


def _module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {_module_of(path): Source(path, _module_of(path)) for path in sorted((ROOT / "ludwig").rglob("*.py"))}


def _functions_around(tree: ast.Module) -> Iterator[tuple[ast.AST, str | None]]:
    """Every node with the name of the function that it stands in."""
    stack: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while stack:
        node, function = stack.pop()
        yield node, function
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))


def _imports_of(source: Source) -> Iterator[Import]:
    for node, function in _functions_around(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(source, alias.name, node.lineno, function)
        elif isinstance(node, ast.ImportFrom):
            package = _absolute(source, node)
            for alias in node.names:  # `from package import name`: the name may be a module of the package
                whole = f"{package}.{alias.name}"
                yield Import(source, whole if whole in SOURCES else package, node.lineno, function)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = source.module.split(".")
    parents = parts[: len(parts) - node.level + (1 if source.is_init else 0)]
    return ".".join([*parents, node.module] if node.module else parents)


def _all_imports(ours: bool) -> list[Import]:
    return [each for source in SOURCES.values() for each in source.imports if each.is_ours == ours]


def _is_within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def hold(law: str, breaches: Iterable[object]) -> None:
    """Fails with the law and every place that breaks it."""
    lines = sorted({str(breach) for breach in breaches})
    if lines:
        pytest.fail("\n  ".join([law, *lines]), pytrace=False)


# --- Direction ----------------------------------------------------------------------------------------------------


def test_every_room_stands_on_a_floor():
    rooms = {source.room for source in SOURCES.values()} - {""}
    hold(
        "Every package and module under ludwig/ has its floor in FLOORS (tests/test_architecture.py).",
        rooms - FLOOR_OF.keys(),
    )


def test_imports_go_down_or_stay_in_their_room():
    breaches = [
        f"{each}: floor {FLOOR_OF.get(each.source.room)} may not see floor {FLOOR_OF.get(each.room)} ({each.room})"
        for each in _all_imports(ours=True)
        if each.source.room
        and each.room != each.source.room
        and FLOOR_OF.get(each.room, 99) >= FLOOR_OF.get(each.source.room, 0)
    ]
    hold("A file imports only from a lower floor or from its own room.", breaches)


def test_the_top_package_imports_nothing_but_the_version():
    allowed = {("ludwig.globals", None), ("ludwig.api", "__getattr__")}
    breaches = [
        each for each in SOURCES["ludwig"].imports if each.is_ours and (each.target, each.function) not in allowed
    ]
    hold("`import ludwig` costs nothing: only ludwig.globals, and ludwig.api when it is asked for.", breaches)


def test_components_do_not_know_their_siblings():
    breaches = [
        each
        for each in _all_imports(ours=True)
        if each.room == each.source.room
        and each.target in SOURCES
        and SOURCES[each.target].registers
        and not each.source.is_init
    ]
    hold(
        "Inside a room a file imports the room's base and plain helpers, never a file that registers a component; "
        "move what both need into a helper of its own.",
        breaches,
    )


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module: {each.target for each in source.imports if each.target in SOURCES and each.target != module}
        for module, source in SOURCES.items()
    }
    hold("The modules form no circle.", (" -> ".join(circle) for circle in _circles(graph)))


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """One circle for every edge that closes one, by depth-first search."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> Iterator[list[str]]:
        if module in path:
            yield [*path[path.index(module) :], module]
        elif module not in done:
            for target in sorted(graph[module]):
                yield from visit(target, [*path, module])
            done.add(module)

    for module in sorted(graph):
        yield from visit(module, [])


def test_no_import_hides_under_type_checking():
    breaches = [
        source.at(node)
        for source in SOURCES.values()
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING")
    ]
    hold("No import for types only: what a file needs for its types it may import for real.", breaches)


def test_imports_inside_functions_are_of_optional_or_slow_packages():
    breaches = [
        each
        for source in SOURCES.values()
        for each in source.imports
        if each.function is not None
        and not _is_within(each.target, LAZY)
        and not (each.is_ours and source.room == "cli")  # `ludwig --help` is quick
        and not (source.module == "ludwig" and each.function == "__getattr__")
    ]
    hold(f"Imports stand at the top of the file, those of {', '.join(LAZY)} aside.", breaches)


def test_pandas_stays_where_tables_are():
    def may(source: Source) -> bool:
        return (
            source.room in PANDAS_ROOMS
            or source.module == "ludwig.inference.postprocess"
            or FLOOR_OF.get(source.room, 0) >= WAIST
        )

    breaches = [
        each for each in _all_imports(ours=False) if _is_within(each.target, ["pandas"]) and not may(each.source)
    ]
    hold(
        "pandas is imported only in data/, features/, datasets/, kfold.py, inference/postprocess.py and above config/.",
        breaches,
    )


# --- Names --------------------------------------------------------------------------------------------------------


def test_no_file_is_a_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "misc", "common"}
    breaches = [module for module in SOURCES.keys() - FOR_OLD_SCRIPTS if drawers & set(re.split(r"[._]", module))]
    hold("A helper lives beside its user or in a room with a meaning, not in utils, helpers, misc or common.", breaches)


def test_what_is_there_for_old_scripts_is_used_by_nothing_else():
    breaches = [each for each in _all_imports(ours=True) if each.target in FOR_OLD_SCRIPTS]
    hold("The package does not import what it keeps for scripts of other releases.", breaches)


def test_class_names_say_what_a_thing_is():
    breaches = [
        f"{source.at(node)} {node.name}"
        for source in SOURCES.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Mixin|Impl|Utils?)$", node.name)
    ]
    hold("No class is named ...Manager, ...Mixin, ...Impl or ...Util.", breaches)


def test_nobody_asks_a_component_its_name():
    names = {
        name.value
        for source in SOURCES.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "register"
        for name in node.args[:1]
        if isinstance(name, ast.Constant)
    }

    def asks(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Attribute)
            and node.left.attr in ("type", "model_type")
            and any(isinstance(part, ast.Constant) and part.value in names for part in ast.walk(node))
        )

    breaches = [source.at(node) for source in SOURCES.values() for node in ast.walk(source.tree) if asks(node)]
    hold('What differs between components is a method of theirs, not an `if x.type == "name"` outside.', breaches)


FOREIGN = {  # objects of other libraries, which are asked what they can do: the first argument of getattr
    "ludwig.runtime.engine": {"optimizer"},
    "ludwig.models.base": {"part"},
    "ludwig.models.llm.network": {"pretrained.config"},
    "ludwig.data.sources": {"values"},
    "ludwig.pretrained.loading": {"network", "network.config"},
}


def test_options_are_read_and_not_probed():
    def probes(source: Source, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "getattr"
            and len(node.args) == 3
            and isinstance(node.args[1], ast.Constant)
            and ast.unparse(node.args[0]) not in FOREIGN.get(source.module, ())
        )

    breaches = [s.at(node) for s in SOURCES.values() for node in ast.walk(s.tree) if probes(s, node)]
    hold('A base class declares the neutral default: no `getattr(config, "option", default)`.', breaches)


def test_nobody_looks_up_what_to_do_by_a_components_name():
    def by_name(key: ast.AST) -> bool:
        return isinstance(key, ast.Attribute) and key.attr in ("type", "model_type", "kind")

    def looks_up(node: ast.AST) -> bool:
        if isinstance(node, ast.Subscript):
            return isinstance(node.value, ast.Dict) and by_name(node.slice)
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and isinstance(node.func.value, ast.Dict)
            and any(by_name(key) for key in node.args[:1])
        )

    breaches = [s.at(node) for s in SOURCES.values() for node in ast.walk(s.tree) if looks_up(node)]
    hold("What differs between components is a method of theirs, not a dict of their names.", breaches)


def test_classes_are_declared_and_not_made():
    made = [
        s.at(node)
        for s in SOURCES.values()
        for node in ast.walk(s.tree)
        if isinstance(node, ast.Attribute) and node.attr == "make_dataclass"
    ]
    hold("Classes stand where their names say, so that objects of them can be pickled.", made)


def test_files_and_classes_are_short():
    def lines_of(node: ast.AST) -> int:
        return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]

    def apart(source: Source) -> int:
        """Lines of signatures and docstrings, which are the public API itself."""
        functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)]
        documented = [node for node in functions if ast.get_docstring(node)]
        return sum(node.body[0].end_lineno - node.lineno for node in documented)  # type: ignore[operator]

    def length(source: Source) -> int:
        whole = source.text.count("\n")
        return whole - apart(source) if source.module == "ludwig.api" else whole

    long_files = [f"{s.module}: {length(s)} lines" for s in SOURCES.values() if length(s) > 450]
    long_classes = [
        f"{s.at(node)} {node.name}: {lines_of(node)} lines"
        for s in SOURCES.values()
        for node in ast.walk(s.tree)
        if isinstance(node, ast.ClassDef) and node.name != "LudwigModel" and lines_of(node) > 300
    ]
    hold(
        "No file above 450 lines, no class above 300 (LudwigModel aside): one subject each.", long_files + long_classes
    )


# --- Safety -------------------------------------------------------------------------------------------------------


def test_nothing_is_pickled_or_unpickled_or_run_from_text():
    hold(
        "Nothing written is a pickle, nothing read is unpickled, no text is run as code "
        "(a user's own table, read with pandas.read_pickle under data/, aside).",
        (f"{source.at(node)}: {what}" for source in SOURCES.values() for node, what in _unsafe(source)),
    )


def _unsafe(source: Source) -> Iterator[tuple[ast.AST | int, str]]:
    for each in source.imports:
        if _is_within(each.target, ["pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"]):
            yield each.line, f"import {each.target}"
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield node, f"{name}()"
            case ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save" as name):
                yield node, f"torch.{name}"
            case ast.Attribute(attr="to_pickle" | "read_pickle" as name) if (source.room, name) != (
                "data",
                "read_pickle",
            ):
                yield node, name
            case ast.keyword(arg="allow_pickle", value=value) if not isinstance(value, ast.Constant) or value.value:
                yield value, "allow_pickle"


# --- Loose ends ---------------------------------------------------------------------------------------------------


def test_nothing_is_left_for_later():
    stubs = [
        f"{source.at(node)}: NotImplementedError"
        for source in SOURCES.values()
        if source.path.name != "base.py"
        for node in _not_implemented(source.tree)
    ]
    notes = [
        f"{source.at(number)}: {found.group()}"
        for source in SOURCES.values()
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := re.search(r"\b(TODO|FIXME|XXX)\b", line))
    ]
    hold(
        "No notes for later; NotImplementedError only in base.py and in a class that no registry holds.", stubs + notes
    )


def _not_implemented(tree: ast.Module) -> Iterator[ast.Name]:
    """Where NotImplementedError stands outside the abstract methods of a family's base class."""
    for statement in tree.body:
        is_base = isinstance(statement, ast.ClassDef) and not any(
            isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(".register")
            for decorator in statement.decorator_list
        )
        if not is_base:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and node.id == "NotImplementedError":
                    yield node


def test_no_exception_is_swallowed():
    def swallows(handler: ast.ExceptHandler) -> bool:
        if handler.type is None:
            return True
        broad = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} & {
            "Exception",
            "BaseException",
        }
        empty = all(
            isinstance(node, ast.Pass | ast.Continue)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            for node in handler.body
        )
        return bool(broad) and empty

    breaches = [
        source.at(node)
        for source in SOURCES.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and swallows(node)
    ]
    hold("No bare `except:`, and no `except Exception` that does nothing.", breaches)


# --- The cost of an import ------------------------------------------------------------------------------------------


def _loaded_by(statement: str, packages: Iterable[str]) -> list[str]:
    """Those of the packages that a fresh interpreter has loaded after the statement."""
    code = f"{statement}; import sys; print(*[name for name in {list(packages)!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_ludwig_loads_neither_torch_nor_pandas():
    hold("`import ludwig` loads none of the large packages.", _loaded_by("import ludwig", ["torch", "pandas", "numpy"]))


@pytest.mark.skipif("ludwig.api" not in SOURCES, reason="there is no ludwig/api.py yet")
def test_import_ludwig_api_loads_no_package_that_only_some_models_need():
    hold("`import ludwig.api` leaves these for those who use them.", _loaded_by("import ludwig.api", SLOW_TO_IMPORT))
