"""Budgets: changing them, reserving money for calls, and telling how much is left."""
