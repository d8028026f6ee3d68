"""What config says about launched agents, for who answers a launcher. Imports the configuration: launchers do not."""

from __future__ import annotations

from pipelock.config.sandbox_settings import sandbox_settings as containment_settings

__all__ = ["containment_settings"]
