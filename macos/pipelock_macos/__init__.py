"""Containment on macOS."""
