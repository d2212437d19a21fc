"""Speculative decoding: who guesses, what is kept, and how far ahead."""
