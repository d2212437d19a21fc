"""Calls their function and writes down what it makes, and what becomes of its arguments."""

import importlib.util

from workshop.learn.watched import counted, watched


def stated(theirs, name, *arguments):
    """As ``watched``, with states as tuples."""
    return watched(theirs, name, *(tuple(a) if isinstance(a, list) else a for a in arguments))


def watched_all(theirs, name, *arguments):
    """As ``watched``, with what numpy and Python allocate."""
    return watched(theirs, name, *arguments, outside=True)


def work_done(theirs, name, *arguments):
    """How many operations and lines a call takes."""
    return counted(theirs, name, *arguments)


def anew(theirs, name, *arguments):
    """What the function gives when it is the first that is called: of their file, loaded again."""
    spec = importlib.util.spec_from_file_location("anew", theirs.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)(*arguments)
