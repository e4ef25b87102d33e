"""The way of a figure from a trace to what reports show, all of it pure.

`observation` turns traces into columns of `calls`. `aggregation` adds those up to `delta`s, one for each bucket of each
dimension, with the help of `tabulation`. `app.storage.rollups` keeps both, and returns the sums of a window as
`measures`, which `app.reports` reads.
"""
