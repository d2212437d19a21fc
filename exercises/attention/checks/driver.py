"""Calls their function and writes down what it makes, and what becomes of its arguments."""

from workshop.learn.watched import watched


def stated(theirs, name, *arguments):
    """As ``watched``, with states as tuples."""
    return watched(theirs, name, *(tuple(a) if isinstance(a, list) else a for a in arguments))
