"""What WebSockets take from config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["WebSocketSettings"]


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """The section `websocket_proxy`. Sizes in bytes, times in seconds."""

    enabled: bool = False
    max_message: int = 1_048_576
    max_connections: int = 128
    allow_binary: bool = False
    forward_cookies: bool = False
    max_seconds: float = 3600.0
    idle_seconds: float = 300.0
    origin_policy: Literal["rewrite", "forward", "strip"] = "rewrite"
