"""Logfire with Anthropic's client."""

import runpy
from pathlib import Path

import logfire

logfire.configure(send_to_logfire=False, service_name="shop")
logfire.instrument_anthropic()
runpy.run_path(str(Path(__file__).with_name("anthropic_ask.py")))
logfire.shutdown()
