"""Measure all that the docs quote, and write it into them.

    python benchmarks/figures.py                          # make figures: measure, then render
    python benchmarks/figures.py measure                  # all parts that are stale
    python benchmarks/figures.py measure --only stages    # one part again
    python benchmarks/figures.py measure --all            # every part, stale or not
    python benchmarks/figures.py render                   # from what was measured
    python benchmarks/figures.py status                   # which parts are stale

A part is stale where something that decides its figures has changed since the commit at which they
were measured (benchmarks/quoted/parts.py says what). Results are in benchmarks/results/figures/,
the logs of the demo in plots/logs/; all else is made of them.
"""

from __future__ import annotations

import argparse
import sys

from workshop.runner import compile_cache, huge_pages

compile_cache.keep()  # before torch is imported
huge_pages.ask()

from quoted import measuring, rendering, stamp  # noqa: E402
from quoted.parts import PARTS, parts_here  # noqa: E402


def main() -> None:
    options = options_of(sys.argv[1:])
    parts = parts_here()
    stale = stamp.stale(PARTS.values(), stamp.read())
    if options.what == "status":
        for name in PARTS:
            print(f"{name:<12}{'stale' if name in stale else 'as measured'}")
        sys.exit(bool(stale))
    try:
        if options.what in ("measure", "both"):
            wanted = options.only or (list(parts) if options.all else stale)
            chosen = [part for name, part in parts.items() if name in wanted]
            if not chosen:
                print("nothing is stale, so nothing is measured", file=sys.stderr)
            measuring.measure(chosen, options.busy, options.changed)
        if options.what in ("render", "both"):
            for path in rendering.render_all():
                print(f"written: {path}", file=sys.stderr)
    except (measuring.MeasuringError, rendering.RenderingError) as error:
        sys.exit(f"Error: {error}")


def options_of(words: list[str]) -> argparse.Namespace:
    doc = __doc__ or ""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", nargs="?", choices=("both", "measure", "render", "status"), default="both"
    )
    parser.add_argument("--only", action="append", choices=parts_here(), help="a part to measure")
    parser.add_argument("--all", action="store_true", help="every part, stale or not")
    parser.add_argument("--busy", action="store_true", help="also while others use the processors")
    parser.add_argument("--changed", action="store_true", help="also what is not committed")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
