"""Telemetry: what a run tells of itself to machines, in numbers and ids and never in words of documents."""
