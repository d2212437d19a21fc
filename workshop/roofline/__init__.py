"""What a machine should do with a model, by arithmetic: the roofline of prefill, decode, training.

Pure functions of plain numbers; nothing of the rest of the package is imported, nor torch. Tables
of devices, models, constants and published measurements are in ``data/``.
"""
