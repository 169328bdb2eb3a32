"""Prometheus metrics of all processes: names in one place."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("switchroom_http_requests_total", "HTTP requests", ["method", "status"])
REQUEST_SECONDS = Histogram("switchroom_http_request_seconds", "Time to answer", ["method"],
                            buckets=(.005, .01, .025, .05, .1, .25, .5, 1, 2.5))
AUTHORISE = Counter("switchroom_authorise_total", "Answers to call set-up", ["answer"])
AUTHORISE_SECONDS = Histogram("switchroom_authorise_seconds", "Time to authorise a call",
                              buckets=(.002, .005, .01, .025, .05, .1, .3, 1))
RECORDS = Counter("switchroom_call_records_total", "Call records taken in", ["outcome"])
APPLY_SECONDS = Histogram("switchroom_apply_seconds", "From a saved change to live on the PBX",
                          buckets=(.05, .1, .2, .3, .5, 1, 2, 5, 30))
APPLY_FAILED = Counter("switchroom_apply_failed_total", "Generations that could not be applied")
CALLS = Gauge("switchroom_active_calls", "Calls in progress on the node")
SPOOL_BYTES = Gauge("switchroom_spool_bytes", "Call records on the node not shipped yet")
JOBS = Counter("switchroom_jobs_total", "Background jobs by end", ["job", "state"])
