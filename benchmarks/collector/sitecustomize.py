"""For a process under measurement, by PYTHONPATH: SIGUSR2 collects all garbage and says on stderr what that took."""

import gc
import signal
import sys
from time import perf_counter
from types import FrameType


def _collect(_number: int, _frame: FrameType | None) -> None:
    start = perf_counter()
    gc.collect()
    print(f"full collection: {(perf_counter() - start) * 1e3:.3f} ms", file=sys.stderr, flush=True)


signal.signal(signal.SIGUSR2, _collect)
