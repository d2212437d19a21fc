"""From submissions to a gradebook that nobody can argue with."""
