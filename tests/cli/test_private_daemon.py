from __future__ import annotations

import msgspec

from pipelock.cli._private_daemon import borrow
from pipelock.cli._trust import Loan
from pipelock.config import loads

LOAN = Loan(audit="/t/audit.jsonl", certificate="/h/ca.pem", key="/h/ca-key.pem", sentinel="/h/KILL")
OWN = """
mode: strict
api_allowlist: [a.example]
metrics_listen: 127.0.0.1:9000
scan_api: {listen: "127.0.0.1:9001", auth: {bearer_tokens: [0123456789abcdef0123456789abcdef]}}
tls_interception: {passthrough_domains: [pinned.example], ca_cert: other.pem, ca_key: other-key.pem}
dlp: {scan_env: false}
logging: {include_allowed: false}
"""


def test_only_what_would_be_in_the_way_is_changed() -> None:
    own = loads(OWN, "own.yaml")
    lent = borrow(LOAN, own)
    assert lent.policy_hash == own.policy_hash
    config = lent.config
    assert config.forward_proxy.enabled
    section = config.tls_interception
    assert (section.enabled, section.ca_cert, section.ca_key) == (True, "/h/ca.pem", "/h/ca-key.pem")
    assert section.passthrough_domains == ("pinned.example",)
    assert (config.metrics_listen, config.scan_api.listen, config.reverse_proxy.enabled) == ("", "", False)
    assert (config.logging.output, config.logging.file) == ("file", "/t/audit.jsonl")
    assert config.kill_switch.sentinel_file == "/h/KILL"
    changed = {name for name in config.__struct_fields__ if getattr(config, name) != getattr(own.config, name)}
    assert changed <= {
        *("forward_proxy", "tls_interception", "kill_switch", "logging", "metrics_listen", "scan_api", "reverse_proxy")
    }


def test_what_the_user_s_own_daemon_has_is_left_to_it() -> None:
    own = loads(
        "kill_switch: {api_listen: '127.0.0.1:9002', api_token: 0123456789abcdef0123456789abcdef}\n"
        "agents: {claude: {listeners: ['127.0.0.1:9003'], programs: [cl]}}\n"
        "notifications: {desktop: {enabled: true}}\n",
        "own.yaml",
    )
    config = borrow(LOAN, own).config
    assert config.kill_switch.api_listen == ""
    assert (config.agents["claude"].listeners, config.agents["claude"].programs) == ((), ("cl",))
    assert not config.notifications.desktop.enabled


def test_a_sentinel_of_the_user_s_own_stays() -> None:
    own = loads("kill_switch: {sentinel_file: /run/stop}\n", "own.yaml")
    assert borrow(LOAN, own).config.kill_switch.sentinel_file == "/run/stop"


def test_the_terms_survive_the_command_line() -> None:
    assert msgspec.json.decode(msgspec.json.encode(LOAN), type=Loan) == LOAN
