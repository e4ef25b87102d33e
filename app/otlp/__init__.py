"""OpenTelemetry's protocol and its GenAI conventions: spans and log records in, records to score out."""
