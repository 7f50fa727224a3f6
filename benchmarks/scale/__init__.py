"""A database of millions: what reading, resuming, publishing and a broadcast take in it, and by which plans."""

import benchmarks.tools  # noqa: F401  # before what needs them
