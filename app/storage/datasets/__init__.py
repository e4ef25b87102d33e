"""Datasets, their versions and items, and the runs over them."""
