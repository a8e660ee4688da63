"""Benchmarks: ratios of things measured in turn in one process, with targets and the machine's own rates."""
