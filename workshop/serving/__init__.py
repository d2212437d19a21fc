"""Measures a server of the OpenAI API from outside: docs/serving.md has the definitions."""
