"""The measurements need what `make dev` does not install; whoever has not got it is told how."""

from __future__ import annotations

from importlib.util import find_spec

for _tool in ("rich", "playwright"):
    if find_spec(_tool) is None:
        raise SystemExit("Measuring takes the tools of development, which are not installed. Run: make tools")
