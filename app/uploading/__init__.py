"""Bodies of any length as records: cut into rows while they come, read, and kept in parts."""
