"""Benchmarks: `make bench`. Figures are per CPU second of the server, since machines are shared and noisy."""
