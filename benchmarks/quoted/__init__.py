"""What the docs quote: measured in one go, kept as data, and written into the docs from there.

``benchmarks/figures.py`` is the command.
"""
