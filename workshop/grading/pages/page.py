"""From what a page shows to HTML or Markdown: one file, which loads nothing and runs nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workshop import __version__
from workshop.grading.pages.markdown import code, spelt
from workshop.util.assets import folder


def html(template: str, **values: Any) -> str:
    """The page; every text in it is escaped, but for our own style and drawings."""
    style = _style()
    page = _html().get_template(template)
    return page.render(css=Markup(style), policy=policy(style), version=__version__, **values)


def markdown(template: str, **values: Any) -> str:
    """The page; every text in it is escaped, but for what ``markdown.py`` made."""
    return _markdown().get_template(template).render(version=__version__, **values)


def policy(css: str) -> str:
    """What the page may do: be styled by what is in it, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _style() -> str:
    return (folder("templates") / "grading" / "grading.css").read_text(encoding="utf-8")


@functools.cache
def _html() -> Environment:
    return _environment(autoescape=True)


@functools.cache
def _markdown() -> Environment:
    environment = _environment(finalize=spelt)
    environment.filters["code"] = code
    return environment


def _environment(**options: Any) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder("templates") / "grading"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
