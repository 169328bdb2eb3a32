"""From a plan to text: pure functions, fixed order, the same bytes every time.

A configuration is a set of objects, `(kind, key)` → body. Small objects (one endpoint, one extension)
keep the history of a large domain proportional to what was changed. The domain's dialplan file is put
together from its objects.
"""
