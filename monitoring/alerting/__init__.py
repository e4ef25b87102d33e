"""What alert rules say, and how the state of a rule follows from what is observed: pure."""
