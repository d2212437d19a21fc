"""Where weights come from: checkpoints, conversion, random ones of a known shape."""
