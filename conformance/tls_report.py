"""Reading what sslyze says of one server: everything that is weak, and everything that could not be found out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["read_scan", "weaknesses"]

_OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
_NEW = ("tls_1_2", "tls_1_3")
_AUTHENTICATED = ("GCM", "POLY1305", "CCM")
_CURVES = frozenset({"X25519", "X448", "secp256r1", "secp384r1", "secp521r1"})
_LEAST_BITS = 128
# Scan, field of its result, and the only value that is good.
_FACTS = (
    ("tls_compression", "supports_compression", False),
    ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", False),
    ("heartbleed", "is_vulnerable_to_heartbleed", False),
    ("tls_fallback_scsv", "supports_fallback_scsv", True),
    ("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED"),
    ("session_renegotiation", "supports_secure_renegotiation", True),
    ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", False),
    ("tls_extended_master_secret", "supports_ems_extension", True),
)


def read_scan(path: Path) -> dict[str, Any]:
    """The results of the only server in sslyze's JSON.

    Raises:
        OSError, ValueError: there is no such file, or no completed scan in it.
    """
    scans = json.loads(path.read_text(encoding="utf-8")).get("server_scan_results") or []
    if len(scans) != 1 or not isinstance(scans[0].get("scan_result"), dict):
        state = [scan.get("connectivity_status") for scan in scans]
        raise ValueError(f"{path} has no completed scan: {state}")
    result: dict[str, Any] = scans[0]["scan_result"]
    return result


def weaknesses(scan: Mapping[str, Any]) -> list[str]:
    """One sentence each; empty is good. A part that did not complete is one, as it proves nothing."""
    found = []
    for version in _OLD:
        found += _accepts(scan, version)
    accepted = 0
    for version in _NEW:
        for suite in _suites(scan, version):
            accepted += 1
            found += _weak_suite(version, suite)
        found += _incomplete(scan, f"{version}_cipher_suites")
    if not accepted:
        found.append("no cipher suite of TLS 1.2 or 1.3 is accepted")
    for name, key, good in _FACTS:
        result = _result(scan, name)
        if result is None:
            found += _incomplete(scan, name)
        elif result.get(key) != good:
            found.append(f"{name}: {key} is {result.get(key)}")
    curves = _result(scan, "elliptic_curves")
    found += _incomplete(scan, "elliptic_curves")
    for curve in (curves or {}).get("supported_curves") or []:
        if curve["name"] not in _CURVES:
            found.append(f"curve {curve['name']} is accepted")
    return list(dict.fromkeys(found))


def _result(scan: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    part = scan.get(name) or {}
    return part.get("result") if part.get("status") == "COMPLETED" else None


def _incomplete(scan: Mapping[str, Any], name: str) -> list[str]:
    return [] if _result(scan, name) is not None else [f"{name} was not found out"]


def _accepts(scan: Mapping[str, Any], version: str) -> list[str]:
    name = f"{version}_cipher_suites"
    result = _result(scan, name)
    if result is None:
        return _incomplete(scan, name)
    return [f"{version} is accepted"] if result["is_tls_version_supported"] else []


def _suites(scan: Mapping[str, Any], version: str) -> Iterator[Mapping[str, Any]]:
    yield from (_result(scan, f"{version}_cipher_suites") or {}).get("accepted_cipher_suites") or []


def _weak_suite(version: str, accepted: Mapping[str, Any]) -> Iterator[str]:
    suite = accepted["cipher_suite"]
    name = suite["name"]
    if suite["is_anonymous"]:
        yield f"{version}: {name} is anonymous"
    if suite["key_size"] < _LEAST_BITS:
        yield f"{version}: {name} has {suite['key_size']} bits"
    if not any(mode in name for mode in _AUTHENTICATED):
        yield f"{version}: {name} is not authenticated encryption"
    if not accepted.get("ephemeral_key"):
        yield f"{version}: {name} has no forward secrecy"
