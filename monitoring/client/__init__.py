"""Sending calls from an application: in batches, in the background, with bounded memory.

    from monitoring.client import Monitor

    monitor = Monitor("http://localhost:8000")
    client = monitor.wrap(OpenAI())  # every chat completion and response of this client


    @monitor.trace  # or any function that takes a prompt and returns an answer
    def answer(question): ...

This package needs only the standard library, and imports nothing else of this repository.
"""

from monitoring.client.monitor import Monitor

__all__ = ["Monitor"]
