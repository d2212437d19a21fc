"""Exercises: what there is, checking an attempt, a participant's working copy."""
