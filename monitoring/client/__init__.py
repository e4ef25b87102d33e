"""Sending calls from an application: batched in the background, bounded in memory, nothing lost in silence.

    from monitoring.client import Monitor

    monitor = Monitor("http://localhost:8000")
    client = monitor.wrap(OpenAI())          # every chat completion and response of this client


    @monitor.trace                           # or any function that takes a prompt and returns an answer
    def answer(question): ...

This package needs the standard library alone and imports nothing else of this repository.
"""

from monitoring.client.monitor import Monitor

__all__ = ["Monitor"]
