"""A few decode steps under torch.profiler: settings -> spans -> classes of kernels -> table."""
