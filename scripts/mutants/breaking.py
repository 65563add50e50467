"""Breaks source by the operators of mutmut, one place at a time.

What is broken: every expression and statement that one of mutmut's operators applies to, in functions, classes and at a
module's top. What is not: documentation, types, decorators, imports, what only a type checker runs, defaults of
parameters that are more than a name, a number or a string, the event and the sentence of a line of the log (its fields
are), and `len(x)` and `isinstance(x, y)`, whose broken forms fail at once.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_LEVELS: Final = ("debug", "info", "warning", "error", "exception")
_LOG: Final = m.Call(func=m.Attribute(value=m.Name("log") | m.Name("_log"), attr=m.OneOf(*map(m.Name, _LEVELS))))
_NEVER: Final = (
    m.Annotation()
    | m.Decorator()
    | m.Import()
    | m.ImportFrom()
    | m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])
    | m.Call(func=m.Name("len") | m.Name("isinstance") | m.Name("cast") | m.Name("TypeVar"))
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Assign(targets=[m.AssignTarget(m.Name("__all__"))])
)
_MAY_BE: Final = (
    *(cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom),
    *(cst.SimpleStatementLine, cst.Call, cst.If, cst.Assign),
)
"""The kinds of both: matching every node would take a minute."""
_TYPES: Final = m.Assign(value=m.Subscript() | m.BinaryOperation(operator=m.BitOr()))
"""At a module's top: a name for a type."""


@dataclass(frozen=True)
class Place:
    """Where one broken version of a file differs: lines count from 1, the last is included."""

    lines: range
    statement: range
    """Of the statement round it, of a compound one only its head: what is measured when it runs."""
    at_import: bool
    """Runs when the module is imported: no test of its own can be told from the lines that ran."""


@dataclass(frozen=True)
class _Change:
    place: Place
    old: cst.CSTNode
    new: cst.CSTNode


def places(source: str) -> list[Place]:
    """Every place of a file where a mutant is made, the same place once for each mutant."""
    return [change.place for change in _changes(_parsed(source))]


def broken(source: str, number: int) -> str | None:
    """The whole file with the change of that number; None if it says the same as before or is no Python."""
    wrapper = _parsed(source)
    change = _changes(wrapper)[number]
    code = cst.ensure_type(wrapper.module.visit(_Replace(change)), cst.Module).code
    try:
        return None if ast.dump(ast.parse(code)) == ast.dump(ast.parse(source)) else code
    except SyntaxError:
        return None


def _parsed(source: str) -> MetadataWrapper:
    return MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)  # just parsed: no node stands in it twice


class _Replace(cst.CSTTransformer):
    def __init__(self, change: _Change) -> None:
        super().__init__()
        self._change = change

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node is not self._change.old

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        return self._change.new if original_node is self._change.old else updated_node


def _changes(wrapper: MetadataWrapper) -> list[_Change]:
    visitor = _Visitor()
    wrapper.visit(visitor)
    return visitor.found


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Change] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _MAY_BE) and (m.matches(node, _NEVER) or self._names_a_type(node)):
            return False
        if isinstance(node, cst.Arg) and self._is_wording_of_the_log(node):
            return False
        if isinstance(node, cst.Param) and not isinstance(
            node.default, cst.Name | cst.BaseNumber | cst.BaseString | None
        ):
            return False
        self.found += [_Change(self._place(node), node, new) for new in _versions(node)]
        return True

    def _is_wording_of_the_log(self, node: cst.CSTNode) -> bool:
        call = self.get_metadata(ParentNodeProvider, node, None)
        return isinstance(call, cst.Call) and any(node is argument for argument in _wording(call))

    def _names_a_type(self, node: cst.CSTNode) -> bool:
        return m.matches(node, _TYPES) and len(list(self._round(node))) == 2  # its line, and the module

    def _round(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        parent: Any = node
        while parent := self.get_metadata(ParentNodeProvider, parent, None):
            yield parent

    def _place(self, node: cst.CSTNode) -> Place:
        around = [node, *self._round(node)]
        statement = next(one for one in around if isinstance(one, cst.SimpleStatementLine | cst.BaseCompoundStatement))
        # A parameter's default is computed when the function is defined, which may be inside of another.
        inside = (one for one, below in zip(around[1:], around, strict=False) if below is getattr(one, "body", None))
        return Place(
            self._lines(node),
            self._head(statement),
            not any(isinstance(one, cst.FunctionDef | cst.Lambda) for one in inside),
        )

    def _lines(self, node: cst.CSTNode) -> range:
        where = self.get_metadata(PositionProvider, node)
        return range(where.start.line, where.end.line + 1)

    def _head(self, statement: cst.CSTNode) -> range:
        body = getattr(statement, "body", None)
        lines = self._lines(statement)
        return range(lines.start, self._lines(body).start) if isinstance(body, cst.IndentedBlock) else lines


def _versions(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    wording = _wording(node)
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            for new in operator(node):
                if all(one in new.args for one in wording):
                    yield new


def _wording(node: cst.CSTNode) -> list[cst.Arg]:
    """The event and the sentence, if it is a line of the log."""
    if not isinstance(node, cst.Call) or not m.matches(node, _LOG):
        return []
    return [argument for argument in node.args if argument.keyword is None and not argument.star]
