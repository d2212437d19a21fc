"""Figures: a kind per module, each from results to a matplotlib figure."""
