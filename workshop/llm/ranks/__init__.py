"""Tensor parallelism: who holds which part, and how the parts are added up."""
