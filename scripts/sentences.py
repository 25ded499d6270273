"""Sentences of the code, found by their form: what people read of it is translated at the edges.

Domain and templates speak English, in sentences with values in them. An extractor of Babel's kind
finds these literals, so that a new one shows up in the catalogues without a mark of its own: a
text with two words beside each other, a capitalised word, or the value of an enumeration. What
programs read (log lines, docstrings, keys, patterns) is passed over.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import BinaryIO

Message = str | tuple[str, str]
Found = tuple[int, str | None, Message, Sequence[str]]

_WORDS = re.compile(r"[A-Za-z}][a-z}]*[,;:.]? \(?[A-Za-z{]")
_WORD = re.compile(r"[A-Z][a-z]+(-[a-z]+)?")
_COUNTED = re.compile(r"\{count\} [a-z]+")
_ONE = re.compile(r"(?<!\S)1 [a-z]")
_LOUD = re.compile(r"[A-Z]{3,} [A-Z -]+ [A-Z ]+")
# What a sentence never holds, and patterns, addresses, options, mark-up, Unicode's categories do.
_TECHNICAL = re.compile(r"[\\^$<>\[\]|]|--|://|\w/\w+/|^[a-z_]+=|\{\w+\}-\{\w+\}-|^C[cfnos]$")
_FORMAT = re.compile(r"\{(\w+):[^{}]*\}")
_JOINT = re.compile(r"\{\w+\}[.,;:] |[.,;:] +|\{\w+\} *$")
_CALLS = frozenset(
    {
        "compile",
        "getLogger",
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "Code",
        "text",
        "cast",
        "get",
        "getattr",
        "setattr",
        "strftime",
        "note",
        "_note",
        "strptime",
        "TypeError",
        "LookupError",
        "field",
        "TypeVar",
        "LanguageCode",
        "Column",
        "AssertionError",
        "Query",
        "APIRouter",
    }
)
_RAISED = ("TypeError", "LookupError", "AssertionError", "ValueError", "KeyError", "RuntimeError")


def extract_sentences(
    fileobj: BinaryIO,
    keywords: Collection[str],
    comment_tags: Collection[str],
    options: Mapping[str, str],
) -> Iterator[Found]:
    """Yield each sentence of a Python file, as Babel's extractors do.

    Options
    -------
    raised
        ``no`` leaves out what is raised: words for whoever runs the node.
    words
        ``no`` leaves out capitalised words that stand alone.
    enumerations
        ``no`` leaves out the values of enumerations.
    """
    del keywords, comment_tags
    tree = ast.parse(fileobj.read())
    finder = _Finder(
        with_raised=options.get("raised", "yes") == "yes",
        with_words=options.get("words", "yes") == "yes",
        with_enumerations=options.get("enumerations", "yes") == "yes",
    )
    finder.visit(tree)
    for line, message in finder.found:
        functionless = "ngettext" if isinstance(message, tuple) else None
        yield line, functionless, message, ()


class _Finder(ast.NodeVisitor):
    def __init__(self, *, with_raised: bool, with_words: bool, with_enumerations: bool) -> None:
        self.found: list[tuple[int, Message]] = []
        self._with_raised = with_raised
        self._with_words = with_words
        self._with_enumerations = with_enumerations

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # docstrings
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if self._with_raised:
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        if name == "Code":
            meanings = [
                *node.args[-1:],
                *(one.value for one in node.keywords if one.arg == "meaning"),
            ]
            for meaning in meanings:
                if words := _words_of(meaning):
                    self.found.append((meaning.lineno, words))
            return
        if name in _CALLS:
            return
        if name == "Line":  # of a band of captions
            for each in node.keywords:
                if each.arg in ("left", "right") and isinstance(each.value, ast.Constant):
                    self.found.append((each.value.lineno, str(each.value.value)))
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        is_enumeration = any(getattr(base, "id", "") == "StrEnum" for base in node.bases)
        if is_enumeration and not self._with_enumerations:
            return
        if is_enumeration:
            for each in node.body:
                if isinstance(each, ast.Assign) and len(words := _words_of(each.value)) > 1:
                    self.found.append((each.lineno, words))
                elif not isinstance(each, ast.Assign):
                    self.visit(each)
            return
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """``"1 image" if count == 1 else f"{count} images"`` is one message with its plural.

        So is a whole sentence in which a number is 1, or another.
        """
        one, many = _words_of(node.body), _words_of(node.orelse)
        if _ONE.search(one) and "{" in many and isinstance(node.test, ast.Compare):
            self.found.append((node.lineno, (one, many)))
            return
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        self._take(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._take(node)
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.visit(each.value)

    def _take(self, node: ast.expr) -> None:
        words = _words_of(node)
        plain = re.sub(r"\{\w+\}", "", words)
        if not words or _TECHNICAL.search(words):
            return
        if (
            (_LOUD.fullmatch(words) or _COUNTED.fullmatch(words))
            or (_WORDS.search(words) and re.search(r"[a-z]{2}", plain))
            or (self._with_words and _WORD.fullmatch(words))
        ):
            self.found.append((node.lineno, words))


def _words_of(node: ast.expr) -> str:
    """Return a literal's text with ``{name}`` in the place of each value; empty for none."""
    if isinstance(node, ast.Constant):
        return _whole(node.value) if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts: list[str] = []
    names: dict[str, int] = {}
    for each in node.values:
        if isinstance(each, ast.FormattedValue):
            name = _name_of(each.value)
            names[name] = names.get(name, 0) + 1
            parts.append("{" + name + (str(names[name]) if names[name] > 1 else "") + "}")
        elif isinstance(each, ast.Constant):
            parts.append(str(each.value))
    return _whole("".join(parts))


def _whole(words: str) -> str:
    """Leave out what joins a fragment to its neighbours, and how a value is formatted."""
    plain = _FORMAT.sub(r"{\1}", words).strip(" ")
    while found := _JOINT.match(plain):
        plain = plain[found.end() :]
    return plain


def _name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower() if name != "value" else _owner(node)
        case ast.Call(func=ast.Attribute(attr="join")):
            return "list"
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name.strip("_").lower()
        case ast.Subscript(value=inner):
            return _name_of(inner)
        case _:
            return "value"


def _owner(node: ast.expr) -> str:
    inner = node.value if isinstance(node, ast.Attribute) else node
    if isinstance(inner, ast.Name):
        return inner.id.strip("_").lower() if inner.id != "value" else "value"
    return _name_of(inner) if isinstance(inner, ast.Attribute) else "value"
