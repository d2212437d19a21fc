"""Kernels blamed where ranks wait."""

HINT = "all-reduces 1"
ANSWERS = {"cause": "kernels"}
