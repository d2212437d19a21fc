"""C++ operators, compiled on this machine at first use by torch's own compiler set-up."""
