"""Telling a person elsewhere that something waits, and taking their signed answer: webhook and desktop."""
