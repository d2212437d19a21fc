"""A cluster, described once: its file, where it is found, and how it is written."""
