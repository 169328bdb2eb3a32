"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Call it when everything is loaded: what is there then stays, and no collection looks at it again.

    A full look at the modules, templates and translations of the panel stopped a request for 70 ms; the 50,000 objects
    that a batch of call records makes, without a cycle among them, cost a quarter of the batch's time to look at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
