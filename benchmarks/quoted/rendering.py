"""From what was measured to what is read: figures, tables, logs and constants, without measuring.

The same results give the same files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from quoted import demo, files_read, predictions, quality, ratios, roofline, turns
from quoted.blocks import files_with_blocks, rendered
from quoted.places import LOGS, PLOTS, ROOFLINE, ROOT
from quoted.stored import RenderingError, Stored
from workshop.cli.show import draw_all
from workshop.roofline import efficiency, fit, measurements

__all__ = ["RENDERERS", "RenderingError", "render_all", "text_of"]

# Block -> the function that writes it.
RENDERERS: dict[str, Callable[[Stored], str]] = {
    "demo": demo.stages,
    "demo-comparison": demo.comparison,
    "demo-loading": demo.loading,
    "demo-predicted": predictions.beside,
    "stages": ratios.stages,
    "peers": ratios.peers,
    "products": turns.products,
    "attention": turns.attention,
    "exchanges": turns.exchanges,
    "quality": quality.quantized,
    "loading": files_read.checkpoints,
    "reading": files_read.logs,
    "fit-constants": predictions.constants,
    "fit-errors": predictions.errors,
    "fit-rows": predictions.rows,
    "roofline-solution": roofline.solution,
    "roofline-answers": roofline.answers,
    **{f"wrong-{name}": roofline.wrong(name) for name in roofline.WRONG},
}


def render_all(stored: Stored | None = None, root: Path = ROOT) -> Iterator[Path]:
    """Write all that follows from the results; gives the files that have changed.

    Raises:
        RenderingError: something was not measured yet.
    """
    stored = stored or Stored()
    yield from copy_logs()
    yield from write_constants(stored)
    for path in files_with_blocks(root):
        text = path.read_text("utf-8")
        yield from write(path, text_of(text, stored, str(path.relative_to(root))))
    yield from draw()


def text_of(text: str, stored: Stored, name: str = "text") -> str:
    """A file's text with every block anew; raises RenderingError for one that nobody writes."""

    def render(block: str) -> str:
        if block not in RENDERERS:
            raise RenderingError(f"{name}: no function writes the block {block}: {set(RENDERERS)}")
        return RENDERERS[block](stored)

    return rendered(text, render, name)


def copy_logs() -> Iterator[Path]:
    """The demo's logs, beside the solution of the exercise that is about them."""
    names = {path.name for path in LOGS.glob("job-*.out")}
    for old in ROOFLINE.glob("job-*.out"):
        if old.name not in names:
            old.unlink()
            yield old
    for name in sorted(names):
        if not same(LOGS / name, ROOFLINE / name):
            shutil.copyfile(LOGS / name, ROOFLINE / name)
            yield ROOFLINE / name


def same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def write_constants(stored: Stored) -> Iterator[Path]:
    """The rows of this project's own runs, then the constants of a CPU, fitted on them."""
    yield from write(measurements.DEMO, predictions.measured_rows(stored))
    predictions.forget()
    found = predictions.refitted(measurements.measurements())
    yield from write(efficiency.CONSTANTS, fit.as_toml(found))
    predictions.forget()


def draw() -> Iterator[Path]:
    """The gallery: every kind of figure that the demo's logs make."""
    before = {path: path.read_bytes() for path in PLOTS.glob("*.png")}
    for path in draw_all(sorted(LOGS.glob("job-*.out")), PLOTS):
        if before.get(path) != path.read_bytes():
            yield path


def write(path: Path, text: str) -> Iterator[Path]:
    """Write a file that is not as it should be."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        yield path
