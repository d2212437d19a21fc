"""Files and what ships beside the code."""
