"""The door: one synchronous judgement for every action."""
