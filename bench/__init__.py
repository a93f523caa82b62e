"""Benchmarks of training and inference: `python -m bench`."""
