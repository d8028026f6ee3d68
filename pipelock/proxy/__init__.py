"""HTTP roads: bytes to Action, Decision to bytes."""
