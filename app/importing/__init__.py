"""Sending files of recorded calls to a running API: reading rows, mapping fields, bulk posting."""
