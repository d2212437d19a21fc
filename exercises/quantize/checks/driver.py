"""Calls their function and writes down what it makes, and what becomes of its arguments."""

from workshop.learn.watched import watched  # noqa: F401 (called as 'driver:watched')
