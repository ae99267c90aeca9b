"""The verifier of the semantic cache: pairs of requests in; out, how surely one answer serves both, on unseen traps."""
