"""Pools: domains of one owner and the people who supervise them [POOL-08…26]."""
