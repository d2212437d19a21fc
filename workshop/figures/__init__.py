"""Figures: a kind per module, each from results to a matplotlib figure.

The names are here, where the command line finds them without importing matplotlib.
"""

import logging

# On its first import, matplotlib looks at every font; where that takes long, it would say so.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# Kind -> what it shows. Each is the function of that name in the module of that name.
KINDS = {
    "progression": "memory, bandwidth and tokens/s of each stage",
    "ladder": "where the speed-up comes from, step by step, and how far it is from the ceiling",
    "latency": "time to the first token, and for each later one",
    "samples": "every sample, in order",
    "compare": "machines, models or people side by side",
    "sweep": "tokens/s and times against the one setting that was varied",
    "roofline": "FLOP/s against FLOP per byte, of prefill and decode",
}
PROGRESSION = "progression"

THEME_NAMES = ("paper", "slide", "dark")
