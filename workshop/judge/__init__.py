"""Someone else's functions, run in a process of their own: plain data in, plain data out."""
