"""Containment on Linux."""
