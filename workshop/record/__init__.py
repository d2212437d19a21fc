"""The record of a run: what a run writes, and what is read from logs, ours and other tools'."""
