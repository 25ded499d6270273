"""The upgrade contract: what a version of the node must agree with to go on with another's work.

Two digests make the version that stands in every row of a workflow: one of the order of the
corridor's steps, one of the schemas of their values. Both are taken from the code itself, so that
nobody has to think of changing a number. Work of another version goes on where its steps have the
same order and every value that it left can be read; otherwise it is begun anew (``take_up``).
"""

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dicom_node.workflow.written_values import VALUES, adapter

_STEPS = "steps"  # what the corridor calls its DurableSteps
_DIGITS = 12
_WORDS = ("title", "description")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContract:
    """The digest of the steps' order, and that of the values' schemas."""

    order: str
    values: str

    @property
    def version(self) -> str:
        """What DBOS calls the application's version."""
        return f"{self.order}-{self.values}"

    def has_order_of(self, version: str | None) -> bool:
        """Whether another version's steps follow each other as this one's do."""
        return (version or "").partition("-")[0] == self.order


def contract_of(*workflows: type) -> StepContract:
    """Return the contract of the classes whose methods run steps."""
    return StepContract(order=_digest(step_order(*workflows)), values=_digest(schemas()))


def step_order(*workflows: type) -> Mapping[str, Any]:
    """Return, for each method that runs steps, which it runs and what they depend on.

    A step, or a call of another method with steps, stands as a string; a branch, loop or guarded
    part as a list that begins with what it depends on. What is between steps does not count.
    """
    return {
        name: list(_outline(_parsed(function)))
        for workflow in workflows
        for name, function in vars(workflow).items()
        if inspect.isfunction(function) and _STEPS in function.__code__.co_varnames
    }


def schemas() -> Mapping[str, Any]:
    """Return the JSON schema of each tag's values, without the names and words of the code."""
    return {tag: _schema(tag) for tag in VALUES}


def _parsed(function: Callable[..., Any]) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _outline(node: ast.AST) -> Iterator[Any]:
    """Yield what a node says of steps, in the order in which it is done."""
    inside = [each for child in ast.iter_child_nodes(node) for each in _outline(child)]
    if heading := _heading(node):
        yield from [[heading, *inside]] if inside else []
        return
    yield from inside
    if isinstance(node, ast.Call) and (called := _called(node)):
        yield called
    elif isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
        yield type(node).__name__.lower()


def _heading(node: ast.AST) -> str:
    """Return what a compound statement depends on; empty for everything else."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test):
            return f"if {ast.unparse(test)}"
        case ast.While(test=test):
            return f"while {ast.unparse(test)}"
        case ast.For(target=target, iter=values):
            return f"for {ast.unparse(target)} in {ast.unparse(values)}"
        case ast.Try():
            return "try"
        case ast.ExceptHandler(type=caught):
            return f"except {ast.unparse(caught)}" if caught else "except"
    return ""


def _called(call: ast.Call) -> str | None:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return None
    if isinstance(function.value, ast.Name) and function.value.id == _STEPS:
        first = call.args[0] if call.args else None
        is_named = isinstance(first, ast.Constant) and isinstance(first.value, str)
        return f"{function.attr} {ast.literal_eval(first)}" if is_named and first else function.attr
    if any(isinstance(each, ast.Name) and each.id == _STEPS for each in call.args):
        return f"({function.attr})"
    return None


def _schema(tag: str) -> Any:
    described = adapter(tag).json_schema()
    return _plain(described["prefixItems"][0], described.get("$defs", {}))


def _plain(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Put every definition where it is named, and leave out what is said for people."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        rest = {key: each for key, each in schema.items() if key != "$ref"}
        return _plain({**definitions[name], **rest}, definitions)
    return {
        key: _plain(each, definitions)
        for key, each in schema.items()
        if not (key in _WORDS and isinstance(each, str))
    }


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
