"""The same small agent in several languages, each with its own OpenTelemetry SDK, in front of a real Tracen."""
