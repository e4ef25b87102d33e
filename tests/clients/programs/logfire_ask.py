"""Logfire, which sends to the OTLP endpoint alone: a plain chat, a stream, and one with a tool."""

import runpy
from pathlib import Path

import logfire

logfire.configure(send_to_logfire=False, service_name="shop")
logfire.instrument_openai()
runpy.run_path(str(Path(__file__).with_name("ask.py")))
logfire.shutdown()
