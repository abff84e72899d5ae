"""The field's own words in what users read: help texts, messages, log lines, docstrings and docs.

Everything is read as text or as a syntax tree; nothing is imported.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FACADE = {"ludwig/api.py", "ludwig/api_types.py", "ludwig/callbacks.py"}  # whose docstrings users read
LONGEST_HELP = 200  # characters


@dataclasses.dataclass(frozen=True)
class Word:
    """A private word, and the field's own."""

    pattern: str
    instead: str

    def found(self, text: str) -> Iterator[re.Match[str]]:
        return re.finditer(self.pattern, text, re.IGNORECASE)


WORDS = [
    Word(r"\b(told|tells?|telling)\b", "logged, reported, returned, inferred or set"),
    Word(r"\b(says?|said|saying)\b", "shows, names, sets, returns or reports"),
    Word(r"\bjudg(e|es|ed|ing)\b", "evaluate"),
    Word(r"\bknobs?\b", "options or parameters"),
    Word(r"\b(learned|learnt|learns)\b", "trained, fitted or fine-tuned"),
    Word(r"\bin (pieces|halves)\b", "micro-batches"),
    # As a verb it takes a direction or an object: `rounds up`, `round to two digits`, `rounds the exponent`.
    Word(r"\brounds?\b(?! (to|up|down|off|the|a)\b|[- ]trip)", "evaluation"),
    Word(r"\b(is|are) no numbers?\b|\bno numbers\b", "not finite (NaN or infinity)"),
    Word(r"\banswered\b|\bmodel (wrote|writes|answers)\b", "generated"),
    Word(r"\bshare of the numbers\b", "dropout rate"),
    Word(r"\brunning means?\b", "exponential moving average (EMA)"),
    Word(r"\btake (it|one|them)\b[\w ]* out\b", "remove"),
    Word(r"\bis no YAML\b", "is not valid YAML"),
    Word(r"\bwhat is not a number\b", "cells that are not numbers"),
    Word(r"\bthat nothing knows\b", "unknown"),
    Word(r"\bstands? in the (saved )?config\b", "is set in the config"),
    Word(r"\ba (image|audio|encoder|output|input|integer|error)\b", "an"),
]
FACTS = Word(r"\bfacts?\b", "fitted preprocessing state, or `training_set_metadata`")

# What the help of an option names in its first sentence, by the option's name.
TERMS = {
    r"dropout": r"dropout",
    r"(kernel|filter|pool)_size$": r"kernel size",
    r"^early_stop$": r"early stopping patience",
    r"patience$": r"patience",
    r"weight_decay": r"weight decay",
    r"^ema_decay$": r"exponential moving average \(EMA\)",
    r"mixed_precision": r"mixed precision",
    r"activation$": r"activation function",
    r"^batch_size$": r"batch size",
    r"^learning_rate$": r"learning rate",
    r"warmup": r"warm-up",
    r"^gradient_accumulation": r"gradient accumulation",
    r"^enable_gradient_checkpointing$": r"activation checkpointing",
    r"^label_smoothing$": r"label smoothing",
    r"momentum$": r"momentum",
    r"stride": r"stride",
    r"dilation": r"dilation",
    r"padding": r"padding",
    r"(^|_)norm$": r"normali[sz]ation",
    r"initializer$": r"initiali[sz]er",
    r"embedding_size$": r"embedding",
    r"^calibration$": r"calibration",
    r"^temperature$": r"temperature",
}

# Names that the code once had for what the field calls otherwise.
NAMES = {
    "told": "broadcast, or what it holds",
    "add_up": "all_reduce_sum",
    "agree": "all_reduce_mean",
    "_go_on": "run_epoch",
    "_look_up": "poll_signals",
    "Piece": "micro-batch",
    "Judge": "Evaluator",
    "judge": "evaluate",
    "judged": "evaluated",
    "Judged": "the metrics that it holds",
    "knobs": "options",
    "Written": "Generated",
}


@dataclasses.dataclass(frozen=True)
class Text:
    """What a user reads, and where it stands."""

    path: str
    line: int
    text: str
    is_docstring: bool = False

    def breaches(self, words: list[Word]) -> Iterator[str]:
        for word in words:
            for found in word.found(self.text):
                line = self.line + self.text.count("\n", 0, found.start())
                yield f"{self.path}:{line}: '{found.group()}'. Use: {word.instead}."


# --- What is read ---------------------------------------------------------------------------------------------------


@functools.cache
def trees() -> dict[str, ast.Module]:
    files = sorted((ROOT / "ludwig").rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.Constant, bool]]:
    """The docstrings, and whether each is of something public."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            name = "" if isinstance(node, ast.Module) else node.name
            first = node.body[0]
            assert isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            yield first.value, not re.match(r"_(?!_init__$)", name)


def prose(value: ast.Constant) -> bool:
    """Whether a literal is a text of several words, and no key, path or pattern."""
    return isinstance(value.value, str) and re.search(r"[a-z,.;:] [A-Za-z'{]", value.value) is not None


@functools.cache
def python_texts() -> list[Text]:
    """Public docstrings, and every literal of several words: whatever ends up in a help text, an error or a log."""
    texts = []
    for path, tree in trees().items():
        documents = dict(docstrings(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and (documents[node] if node in documents else prose(node)):
                texts.append(Text(path, node.lineno, str(node.value), is_docstring=node in documents))
    return texts


def pages() -> list[Path]:
    found = [*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("examples/**/README.md")]
    return sorted([*found, ROOT / "benchmarks" / "README.md", ROOT / ".github" / "CONTRIBUTING.md"])


def page_texts() -> Iterator[Text]:
    """The pages without their code, which keeps its lines so that line numbers stay right."""
    for file in pages():
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"^```.*?^```", lambda block: "\n" * block.group().count("\n"), text, flags=re.DOTALL | re.M)
        text = re.sub(r"`[^`\n]*`", "``", text)
        yield Text(file.relative_to(ROOT).as_posix(), 1, text)


def options() -> Iterator[tuple[str, str, str]]:
    """(place, name, help) of each option that a config may have."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
                call = node.value
                if isinstance(call.func, ast.Name) and call.func.id == "param":
                    helps = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
                    yield f"{path}:{node.lineno}", ast.unparse(node.target), text_of(helps[0]) if helps else ""


def text_of(node: ast.expr) -> str:
    """The literal, with its placeholders as code where it has some."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)


# --- What holds -----------------------------------------------------------------------------------------------------


def hold(law: str, breaches: list[str]) -> None:
    if breaches:
        pytest.fail("\n  ".join([law, *breaches]), pytrace=False)


def test_no_private_word_in_python():
    hold("Messages, help and docstrings use the field's words.", [b for t in python_texts() for b in t.breaches(WORDS)])


def test_users_read_of_fitted_state_and_not_of_facts():
    read = [text for text in python_texts() if text.path in FACADE or not text.is_docstring]
    hold("Users know no facts.", [b for text in [*read, *page_texts()] for b in text.breaches([FACTS])])


def test_no_private_word_in_the_docs():
    hold("The docs use the field's words.", [b for text in page_texts() for b in text.breaches(WORDS)])


def test_help_names_the_standard_term_first():
    missing = [
        f"{place}: the help of {name} must name '{term}' in its first sentence. It is: {help_text}"
        for place, name, help_text in options()
        for pattern, term in TERMS.items()
        if re.search(pattern, name) and not re.search(term, re.split(r"[.;](?: |$)", help_text)[0], re.IGNORECASE)
    ]
    hold("Help names the standard term, so that whoever searches for it finds the option.", missing)


def test_every_option_has_a_short_help():
    wrong = [
        f"{place}: the help of {name} has {len(help_text)} characters."
        for place, name, help_text in options()
        if not 0 < len(help_text) <= LONGEST_HELP
    ]
    hold(f"Each option has a help of at most {LONGEST_HELP} characters.", wrong)


def test_no_private_name_in_the_code():
    defined = (
        (path, node.lineno, name)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        for name in names_of(node)
    )
    hold(
        "Names in the code are the field's.",
        [f"{path}:{line}: '{name}'. Use: {NAMES[name]}." for path, line, name in defined if name in NAMES],
    )


def names_of(node: ast.AST) -> list[str]:
    """What a node gives a name to."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
        case ast.arg():
            return [node.arg]
        case _:
            return []


def test_the_headings_of_the_training_page_are_standard_terms():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^## (.*)$", text, re.M))
    assert headings >= {
        "Weight averaging",
        "Hardware, precision and multi-GPU",
        "Interrupting and resuming",
        "Reproducibility",
    }


@pytest.mark.parametrize(
    ("text", "is_private"),
    [
        ("The metrics of each round.", True),
        ("Five rounds without improvement", True),
        ("staircase rounds the exponent up", False),
        ("rounded to two digits; round to the nearest", False),
        ("A round-trip, or a round trip around the object.", False),
        ("The format is told by the extension.", True),
        ("A total of three untold rows", False),
        ("The model judges; it is judged.", True),
        ("The weights that are learned", True),
        ("Learning rate of deep learning; there is nothing to learn.", False),
        ("The gradient is no number.", True),
        ("No number is missing; cells that are not numbers", False),
        ("A running mean of the weights", True),
        ("The running statistics of batch normalisation", False),
        ("Take one of them out.", True),
        ("Take the first one.", False),
        ("reads it out of what the model wrote", True),
        ("The model card is written.", False),
    ],
)
def test_patterns_find_private_words_and_pass_honest_ones(text: str, is_private: bool):
    assert bool(list(Text("here", 1, text).breaches(WORDS))) == is_private
