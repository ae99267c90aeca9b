"""Everything that answers chat requests: OpenAI-compatible endpoints, the embedded LLM, and a scripted server."""
