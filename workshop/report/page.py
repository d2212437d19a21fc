"""A view to HTML: one file, with a policy that lets it load nothing."""

from __future__ import annotations

import base64
import functools
import hashlib

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from workshop.record.readers.html import MARK
from workshop.report.view import View
from workshop.util.assets import folder


def page(view: View) -> str:
    """The report; all text in it is escaped, but for our own style, script and drawings."""
    css, js = (_asset(f"report.{kind}") for kind in ("css", "js"))
    return _template().render(
        view=view,
        policy=policy(css, js),
        css=Markup(css),
        js=Markup(js),
        mark=MARK,
        records=Markup(view.records),
    )


def policy(css: str, js: str) -> str:
    """What the page may do: be styled and run by what is in it, and nothing else."""
    return (
        "default-src 'none'; "
        f"style-src {_hash(css)}; "
        f"script-src {_hash(js)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawing"] = Markup
    return environment.get_template("report.html.j2")


def _asset(name: str) -> str:
    return (folder("templates") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
