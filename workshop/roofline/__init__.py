"""What a machine should do with a model, by arithmetic: the roofline of prefill, decode, training.

Pure functions of plain numbers; of the rest of the package only the embedded model's names are
imported, and torch is not. Tables of devices, models, constants and published measurements are in
``data/``.
"""
