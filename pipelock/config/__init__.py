"""Configuration: the typed schema, the loader that names the line, presets, and what a reload weakens."""
