"""The kill switch: four sources, on when any is on.

`config` (the file says `enabled: true`), `api` (control socket), `signal` (SIGUSR1 toggles), `sentinel` (a file
exists). Clearing one leaves the others. The sentinel is probed on every check, by a callable that is given, so that
no cached answer can outlive the file; the probe itself must answer true for every error but "not found".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from pipelock.model import KillSwitchState, is_sandbox_key

__all__ = ["DEFAULT_MESSAGE", "KillSwitch"]

DEFAULT_MESSAGE = "Emergency deny-all active"

Network = IPv4Network | IPv6Network


class KillSwitch:
    """Holds the sources; asks the sentinel anew at each check."""

    def __init__(self, probe: Callable[[], bool] | None = None) -> None:
        self._probe = probe
        self._config = False
        self._api = False
        self._signal = False
        self._exempt: tuple[Network, ...] = ()
        self.message = DEFAULT_MESSAGE

    def configure(
        self, *, config: bool, message: str, exempt: Sequence[Network], probe: Callable[[], bool] | None
    ) -> None:
        """Take over what the (re)loaded file says. `api` and `signal` are not touched: they survive a reload."""
        self._config = config
        self._exempt = tuple(exempt)
        self._probe = probe
        self.message = message or DEFAULT_MESSAGE

    def set_api(self, active: bool) -> None:  # noqa: FBT001 - the value is the whole message
        """Set or clear the control socket's source."""
        self._api = active

    def toggle_signal(self) -> bool:
        """Flip the signal's source; returns its new value."""
        self._signal = not self._signal
        return self._signal

    @property
    def active(self) -> bool:
        """Whether any source holds the switch now."""
        return self._config or self._api or self._signal or (self._probe is not None and self._probe())

    def applies_to(self, client: str, session: str = "") -> bool:
        """Whether a client at this address is stopped now; `kill_switch.allowlist_ips` are let through.

        Agents in a sandbox never are: their address is one of their own network, and says nothing about them.
        """
        return self.active and (is_sandbox_key(session) or not self._is_exempt(client))

    def _is_exempt(self, client: str) -> bool:
        if not self._exempt:
            return False
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._exempt)

    @property
    def state(self) -> KillSwitchState:
        """All sources, in the order in which they are reported."""
        sources = {
            "config": self._config,
            "api": self._api,
            "signal": self._signal,
            "sentinel": self._probe is not None and self._probe(),
        }
        return KillSwitchState(active=any(sources.values()), sources=sources, message=self.message)

    @property
    def source(self) -> str:
        """The first active source, empty when off."""
        return next((name for name, on in self.state.sources.items() if on), "")
