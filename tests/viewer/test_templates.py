"""Templates say only what their contexts hold, and the contexts hold only what templates say."""

from __future__ import annotations

import ast
import dataclasses
import types
import typing
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes

from viewer import contexts, pages
from viewer.accounts import contexts as accounts, frame, key_contexts
from viewer.my_traces import contexts as my_traces
from viewer.pages import ENVIRONMENT, TEMPLATE_BY_CONTEXT, TEMPLATES
from viewer.reference import contexts as reference
from viewer.sharing import contexts as sharing
from viewer.subscriptions import contexts as subscriptions

MACRO_ARGUMENTS: dict[str, Any] = {
    "said": contexts.Said,
    "facts": tuple[contexts.Fact, ...],
    "ticks": tuple[contexts.Tick, ...],
    "state": str,
    "status": str,
    "tokens": contexts.TokenSum,
    "snippet": reference.Paste,
    "told": tuple[sharing.PreviewPart, ...],
    "moment": key_contexts.Moment,
    "secret": str,
    "named": key_contexts.NamedPaste,
    "is_open": bool,
    "paste": reference.Paste,
    "caption": str,
    "rows": tuple[reference.FieldRow, ...],
}
RECORDS = {
    record
    for module in (contexts, accounts, frame, key_contexts, my_traces, reference, sharing, subscriptions)
    for record in vars(module).values()
    if isinstance(record, type) and dataclasses.is_dataclass(record) and record.__module__ == module.__name__
}

Scope = dict[str, Any]


class Reader:
    """Walks a template with the types of its variables, and keeps the fields it reads."""

    def __init__(self) -> None:
        self.fields: set[tuple[str, str]] = set()

    def visit(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.For):
            self.visit(node.iter, scope)
            assert isinstance(node.target, nodes.Name)
            scope = scope | {node.target.name: _item(self.type_of(node.iter, scope)), "loop": Any}
            self.visit_all([*node.body, *node.else_], scope)
        elif isinstance(node, nodes.Macro):
            self.visit_all(node.body, scope | {arg.name: MACRO_ARGUMENTS[arg.name] for arg in node.args})
        else:
            if isinstance(node, nodes.Name | nodes.Getattr):
                self.type_of(node, scope)
            self.visit_all(list(node.iter_child_nodes()), scope)

    def visit_all(self, body: list[nodes.Node], scope: Scope) -> None:
        for child in body:
            self.visit(child, scope)

    def type_of(self, node: nodes.Node, scope: Scope) -> Any:
        if isinstance(node, nodes.Name):
            assert node.name in scope or node.ctx == "store", f"{node.name} is no variable here"
            return scope.get(node.name, Any)
        if not isinstance(node, nodes.Getattr):
            return Any
        owner = self.type_of(node.node, scope)
        if owner is Any:
            return Any
        hints = typing.get_type_hints(owner)
        assert node.attr in hints, f"{owner.__name__} has no field {node.attr}"
        self.fields.add((owner.__name__, node.attr))
        return _without_none(hints[node.attr])


def _item(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else Any


def _without_none(hint: Any) -> Any:
    if not isinstance(hint, types.UnionType):
        return hint
    (only,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
    return only


def read(names: list[str], page: type | None) -> set[tuple[str, str]]:
    reader = Reader()
    scope: Scope = dict.fromkeys(
        [
            *ENVIRONMENT.globals,
            "parts",
            "source_link",
            "explained_tokens",
            "state_pill",
            "fact_list",
            "time_axis",
            "excerpts",
            "keys",
            "field_table",
            "answered",
        ],
        Any,
    )
    scope |= {"page": page} if page else {}
    for name in names:
        tree = ENVIRONMENT.parse((TEMPLATES / name).read_text())
        reader.visit(tree, scope)
        names += [around for around in _around(tree) if around not in names]
    return reader.fields


def _around(tree: nodes.Template) -> list[str]:
    """The templates that a template stands in, or that stand in it."""
    named = [found.template for found in tree.find_all(nodes.Extends)]
    named += [found.template for found in tree.find_all(nodes.Include)]
    return [name.value for name in named if isinstance(name, nodes.Const)]


@pytest.mark.parametrize("page", TEMPLATE_BY_CONTEXT, ids=lambda page: page.__name__)
def test_template_reads_only_its_context(page: type) -> None:
    """Every name and field in a template, and in the frame around it, is one its context has."""
    assert read([TEMPLATE_BY_CONTEXT[page]], page)


def test_contexts_have_no_field_that_no_template_reads() -> None:
    """A field that nobody prints is not computed for every page."""
    told = read(["parts.html", "key_parts.html", "icons.html"], None)
    for page, name in TEMPLATE_BY_CONTEXT.items():
        told |= read([name], page)
    assert {(r.__name__, f.name) for r in RECORDS for f in dataclasses.fields(r)} - told == set()


def test_templates_never_switch_escaping_off() -> None:
    """There is no `safe` filter, no raw markup and no unescaped block in any template."""
    for path in TEMPLATES.iterdir():
        tree = ENVIRONMENT.parse(path.read_text())
        assert {found.name for found in tree.find_all(nodes.Filter)} <= {"length"}
        assert not list(tree.find_all(nodes.ScopedEvalContextModifier))


def test_markup_in_python_is_written_out() -> None:
    """A piece or draft is made of literals alone, so that no text can become one."""
    made = 0
    for path in Path(pages.__file__).parent.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for call in calls if path.name not in ("legible.py", "markdown_view.py") else ():
            if isinstance(call.func, ast.Name) and call.func.id in ("Draft", "Piece", "Markup"):
                made += 1
                (markup,) = call.args
                strings = [markup.left, markup.right] if isinstance(markup, ast.BinOp) else [markup]
                assert all(_is_literal(string) for string in strings), ast.unparse(call)
    assert made > 30


def _is_literal(node: ast.expr) -> bool:
    """A string as it stands, or repeated."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        node = node.left
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_template_is_used() -> None:
    """The folder holds nothing that no page needs."""
    assert {path.name for path in TEMPLATES.iterdir()} == {
        "base.html",
        "app.html",
        "app_links.html",
        "front_links.html",
        "settings_tabs.html",
        "gate.html",
        "parts.html",
        "key_parts.html",
        "icons.html",
        *TEMPLATE_BY_CONTEXT.values(),
    }
