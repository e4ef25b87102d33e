"""Runs of a model over the items of a dataset: scoring them, comparing two, and judging gates."""
