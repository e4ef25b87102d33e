"""The way from a trace to the figures of reports, as pure functions.

`observation` turns traces into columns of `calls`. With the help of `tabulation`, `aggregation`
adds those up to `delta`s, one for each bucket of each dimension. `app.storage.rollups` stores both,
and returns the sums of a window as `measures`, which `app.reports` reads.
"""
