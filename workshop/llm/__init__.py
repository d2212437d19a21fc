"""The engine: a Llama in native PyTorch, one technique per file.

Imports nothing of the rest of the package, so that each file can be read, and shown, alone.
"""
