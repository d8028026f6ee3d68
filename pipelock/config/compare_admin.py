"""Comparisons of the admin API and of notifications, for `compare`."""

from __future__ import annotations

from typing import Final

__all__ = ["ADMIN_EXEMPTIONS", "ADMIN_RESTART_ONLY"]

ADMIN_EXEMPTIONS: Final = (
    "notifications.webhook.answers",
    "notifications.webhook.allow_scopes",
)
"""More ways to let something through."""

ADMIN_RESTART_ONLY: Final = ("kill_switch.api_listen",)
