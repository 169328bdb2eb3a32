"""Jinja, told what our templates need: a list page outputs a thousand values.

Same bytes as Jinja's own generator and the same escaping; what is left out is a `Markup` object around every
value that is joined into the page a moment later.
"""

from __future__ import annotations

from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Macro
from jinja2.utils import missing
from markupsafe import Markup, escape


def to_html(value: Any) -> str:
    """The text of `escape(value)`; what is markup already comes back as it is."""
    kind = type(value)
    if kind is Markup:
        return value
    if kind is str:
        # most values have nothing to escape: five scans in C cost less than a Markup object
        if "&" in value or "<" in value or ">" in value or '"' in value or "'" in value:
            return escape(value)
        return value
    if kind is int:
        return str(value)
    return escape(value)


class Generator(CodeGenerator):
    """Writes `to_html(x)` where Jinja writes `escape(x)`."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            super()._output_child_pre(node, frame, finalize)
            return
        self.write("to_html(")
        if finalize.src is not None:
            self.write(finalize.src)


class Template(jinja2.Template):
    """A template whose code knows `to_html`."""

    @classmethod
    def from_code(cls, environment: jinja2.Environment, code: Any, globals: Any, uptodate: Any = None) -> Any:
        namespace = {"environment": environment, "__file__": code.co_filename, "to_html": to_html}
        exec(code, namespace)
        made = cls._from_namespace(environment, namespace, globals)
        made._uptodate = uptodate
        return made


def is_plain(macro: Macro, given: int) -> bool:
    """Whether `given` positional arguments are all that the macro's function may be asked with."""
    return (given <= macro._argument_count and macro._default_autoescape is True
            and not (macro.caller or macro.catch_kwargs or macro.catch_varargs))


def call_plain(macro: Macro, arguments: tuple[Any, ...]) -> Markup:
    """`Macro.__call__` without its search for names; what is not given takes its default inside."""
    left = macro._argument_count - len(arguments)
    return Markup(macro._func(*arguments, *(missing,) * left))
