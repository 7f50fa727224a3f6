"""Measurements of the hub from outside: real processes, real sockets, every delivery accounted for.

Run `python -m benchmarks --help`. docs/benchmarks.md says what each figure means and how it is taken.
The package imports nothing of `gateway` and `workers`, and of `hub` only the embedded servers: it knows the hub by its
contract, as a stranger's client does.
"""
