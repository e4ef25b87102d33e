"""Every block of README.md and docs is run, or read as the data that it is."""
