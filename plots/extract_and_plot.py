"""Draw the progression from logs: python plots/extract_and_plot.py FILE... [-o FIGURE]

The same as `workshop plot`, under the name that it had in the original workshop. The logs may come
in any order: each says itself which stage it is of.
"""

import sys
from pathlib import Path

try:
    from workshop.cli import main
except ModuleNotFoundError:  # run from a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from workshop.cli import main

if __name__ == "__main__":
    main(["plot", *sys.argv[1:]])
