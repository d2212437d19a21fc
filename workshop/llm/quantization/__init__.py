"""Weights in fewer bits: int8 per channel, int4 by groups, and as a device wants them."""
