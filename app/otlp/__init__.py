"""OpenTelemetry's protocol and its GenAI conventions: spans and log records become records."""
