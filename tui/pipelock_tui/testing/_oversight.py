"""Made-up sessions, grants, rules, history, checks and files."""

from __future__ import annotations

import msgspec

from pipelock.model import (
    Answer,
    AnswerWord,
    AuditFile,
    AuditState,
    BudgetUse,
    Check,
    CheckState,
    ConfigChange,
    ConfigReview,
    Contained,
    Denial,
    Evidence,
    Fix,
    Grant,
    HistoryPage,
    Kept,
    Lamp,
    Lamps,
    Level,
    Lifetime,
    NotedDenial,
    RuleKind,
    RuleRow,
    Sandboxed,
    Scope,
    Session,
    SessionDetail,
    SessionNote,
    TaintLevel,
    Tier,
    Verdict,
    Wall,
    WallName,
    WallState,
)
from pipelock_tui.testing._clock import NOON
from pipelock_tui.testing._traffic import blocked, processes, record, summary

__all__ = [
    "audit_state",
    "checks",
    "config_review",
    "fix",
    "grant_of",
    "grants",
    "history_page",
    "rules",
    "sandboxed",
    "session",
    "session_detail",
    "sessions",
]

_CLAUDE = "claude@4711|127.0.0.1"
_AIDER = "aider@sandbox-5f0c1e2d3b4a|127.0.0.1"


def session(key: str = _CLAUDE, **changes: object) -> Session:
    """A session, with changes."""
    agent = key.partition("@")[0].partition("|")[0]
    base = Session(
        key=key,
        agent=agent,
        client="127.0.0.1",
        started_at=NOON - 3_000,
        last_seen_at=NOON - 4,
        requests=412,
        blocked=3,
        bytes=1_240_000,
        domains=14,
        evidence=Evidence.PROCESS,
        threshold=5.0,
    )
    return msgspec.structs.replace(base, **changes)


def sessions() -> tuple[Session, ...]:
    """Five sessions in five states."""
    return (
        session(
            processes=processes(),
            level=Level.ELEVATED,
            score=6.5,
            threshold=10.0,
            level_since=NOON - 240,
            recovers_at=NOON + 360,
            taint=TaintLevel.UNTRUSTED,
            lamps=Lamps(
                untrusted=Lamp(lit=True, at=NOON - 300, what="https://docs.example.org/guide"),
                private=Lamp(lit=True, at=NOON - 120, what="https://git.example.com/team/app"),
            ),
            task="release 2.4.1",
            task_id="task-12",
            budgets=(BudgetUse("requests", 412, 1_000), BudgetUse("bytes", 1_240_000, 5_000_000)),
            in_flight=3,
        ),
        session(
            "codex@5120|127.0.0.1",
            level=Level.CRITICAL,
            score=31.0,
            threshold=0.0,
            block_all=True,
            level_since=NOON - 60,
            tier=Tier.HARD,
            tier_since=NOON - 58,
            tier_until=NOON + 542,
            tier_why="level critical",
            blocked=27,
            taint=TaintLevel.HOSTILE,
            lamps=Lamps(Lamp(lit=True, at=NOON - 90), Lamp(lit=True, at=NOON - 80), Lamp(lit=True, at=NOON - 70)),
            last_seen_at=NOON - 1,
        ),
        session("pip|127.0.0.1", evidence=Evidence.HEADER, requests=38, blocked=0, last_seen_at=NOON - 610),
        session(
            _AIDER,
            tier=Tier.SOFT,
            tier_since=NOON - 400,
            tier_why="by hand",
            last_seen_at=NOON - 30,
            evidence=Evidence.LISTENER,
            walls=WallState.PARTLY,
        ),
        session(
            "cursor@3222|127.0.0.1",
            requests=9,
            blocked=1,
            ended=True,
            evidence=Evidence.PROCESS,
            last_seen_at=NOON - 900,
        ),
    )


def session_detail(key: str = _CLAUDE) -> SessionDetail:
    """All about one of `sessions`, or a plain one."""
    found = next((each for each in sessions() if each.key == key), None) or session(key)
    notes = (
        SessionNote(NOON - 300, "taint", "external_untrusted", "docs.example.org", "content from outside was read"),
        SessionNote(
            NOON - 250, "signal", "near_miss", "pastebin.example", "looks like a key, and is none", "medium", 1.5
        ),
        SessionNote(NOON - 240, "signal", "hard_block", "collector.example.net", "AWS Access ID", "critical", 5.0),
        SessionNote(NOON - 240, "escalation", "elevated", "", "normal to elevated at 6.5 of 5 points"),
    )
    return SessionDetail(
        found,
        notes,
        why="Elevated: 6.5 points since 14:09, most of them for a credential sent to collector.example.net.",
        next="Falls to normal at 14:19 if nothing more is noticed. Reset forgets it at once.",
        sources=("https://docs.example.org/guide?page=2", "https://docs.example.org/index"),
        sandbox=sandboxed() if found.walls is not None else None,
    )


def sandboxed(**changes: object) -> Sandboxed:
    """What one of `sessions` was launched behind, with changes."""
    walls = (
        Wall(WallName.NETWORK, WallState.UP, "a namespace of its own; every port is caught"),
        Wall(WallName.FILES, WallState.UP, "42 paths to read, 3 to change"),
        Wall(WallName.LANDLOCK, WallState.UP, "ABI 7: files, ports, scopes"),
        Wall(WallName.SYSCALLS, WallState.UP, "seccomp, 61 calls refused"),
        Wall(WallName.CGROUP, WallState.PARTLY, "none of its own", "run it under systemd --user"),
        Wall(WallName.LIMITS, WallState.OFF),
    )
    base = Sandboxed(
        contained=Contained(
            id="5f0c1e2d3b4a",
            agent="aider",
            command="aider --model sonnet",
            workspace="/home/dev/app",
            walls=walls,
            pid=6001,
            started_at=NOON - 3_000,
        ),
        rules=("host=*.example.com", "method=GET host=pypi.org"),
        config_rules=("host=*.org",),
        denied=4,
        denials=(
            NotedDenial(
                NOON - 60,
                Denial(
                    WallName.FILES,
                    "read /home/dev/.ssh/id_ed25519",
                    "private SSH keys",
                    "--allow-read ~/.ssh",
                    "git",
                    3,
                ),
            ),
            NotedDenial(NOON - 20, Denial(WallName.SYSCALLS, "ptrace", "would reach into other processes")),
        ),
    )
    return msgspec.structs.replace(base, **changes)


def grants() -> tuple[Grant, ...]:
    """Three answers that hold for more than once."""
    return (
        Grant(
            id="g3",
            allow=True,
            scope=Scope.HOST,
            lifetime=Lifetime.SESSION,
            words="claude may send anything to api.example.com, for this session",
            created_at=NOON - 60,
            by="dev",
            session=_CLAUDE,
            agent="claude",
            kind="request",
            host="api.example.com",
            port=443,
            layer="egress",
            hits=12,
            last_hit_at=NOON - 5,
        ),
        Grant(
            id="g2",
            allow=False,
            scope=Scope.DOMAIN,
            lifetime=Lifetime.FOREVER,
            words="nobody may send anything to example.net, for good (written to approvals.yaml)",
            created_at=NOON - 86_400,
            by="dev",
            note="not ours",
            kind="request",
            domain="example.net",
            layer="egress",
            hits=2,
            last_hit_at=NOON - 4_000,
        ),
        Grant(
            id="g1",
            allow=True,
            scope=Scope.URL,
            lifetime=Lifetime.H1,
            words="claude may POST https://deploy.example.com/v1/releases, for 1 hour",
            created_at=NOON - 1_800,
            expires_at=NOON + 1_800,
            by="dev",
            agent="claude",
            kind="request",
            method="POST",
            url="https://deploy.example.com/v1/releases",
            layer="egress",
        ),
    )


def grant_of(answer: Answer) -> Grant:
    """What an answer leaves behind."""
    allow = answer.word is not AnswerWord.DENY
    words = f"{'allowed' if allow else 'denied'}: {answer.scope.value}, {answer.lifetime.words}"
    return Grant(id="g9", allow=allow, scope=answer.scope, lifetime=answer.lifetime, words=words, created_at=NOON)


def rules() -> tuple[RuleRow, ...]:
    """Rules of every kind."""
    return (
        RuleRow(
            kind=RuleKind.DETECTION,
            name="AWS Access ID",
            action="block",
            hits=8,
            last_hit_at=NOON - 27,
            source="built-in",
        ),
        RuleRow(
            kind=RuleKind.DETECTION,
            name="Hidden instruction",
            action="warn",
            hits=8,
            last_hit_at=NOON - 35,
            source="built-in",
        ),
        RuleRow(
            kind=RuleKind.EGRESS,
            name="publishing",
            where="POST deploy.example.com",
            action="ask",
            hits=2,
            last_hit_at=NOON,
            source="config",
        ),
        RuleRow(
            kind=RuleKind.SUPPRESSION,
            name="High Entropy",
            where="host build.example.com, path /artifacts/*, query sig",
            action="suppress",
            hits=41,
            last_hit_at=NOON - 300,
            expires_at=NOON + 20 * 86_400,
            source="suppressions.yaml",
            id="s1",
            note="signed links of the build cache",
        ),
        RuleRow(
            kind=RuleKind.GRANT,
            name="claude may send anything to api.example.com, for this session",
            where="api.example.com:443",
            action="allow",
            hits=12,
            last_hit_at=NOON - 5,
            source="memory",
            id="g3",
        ),
        RuleRow(
            kind=RuleKind.GRANT,
            name="nobody may send anything to example.net, for good",
            where="*.example.net",
            action="deny",
            hits=2,
            last_hit_at=NOON - 4_000,
            source="approvals.yaml",
            id="g2",
            note="not ours",
        ),
        RuleRow(kind=RuleKind.DETECTION, name="GitHub Token", action="block", source="built-in"),
    )


def history_page() -> HistoryPage:
    """Yesterday's decisions: the only page there is."""
    day = NOON - 86_400
    kept = (
        Kept(9_004, blocked(day + 40)),
        Kept(9_003, record(summary("registry.example.org", "/left-pad", agent="npm"), at=day + 30)),
        Kept(
            9_001,
            record(
                summary("files.example.net", "/upload", method="PUT", size=9_400),
                Verdict.BLOCK,
                at=day,
                layer="egress",
                reason="The host is not on the list.",
            ),
        ),
    )
    return HistoryPage(kept, before=0, looked_at=9_004, oldest_at=day - 86_400, total=9_004)


def fix() -> Fix:
    """A proposal that un-blocks two of nine others."""
    return Fix(
        id="f1",
        action_id="a1",
        possible=True,
        words="AWS Access ID is not looked for in the query field token of GET collector.example.net/v1.",
        entry="suppress:\n  - rule: AWS Access ID\n    host: collector.example.net\n    path: /v1\n"
        "    field: url:query:token\n    expires: 2026-10-21\n",
        verdict=Verdict.ALLOW,
        others=9,
        unblocked=2,
        examples=("2026-09-20 14:14 POST collector.example.net/v1", "2026-09-20 14:13 POST collector.example.net/v1"),
        unknown=1,
        since=NOON - 7 * 86_400,
    )


def config_review() -> ConfigReview:
    """A file that was edited and not taken over yet."""
    return ConfigReview(
        path="/home/dev/.pipelock/config.yaml",
        running="3f9a1c2e55d0b7aa",
        on_disk="77c0de11aa00ee42",
        changes=(
            ConfigChange("mode", "balanced", "audit", weaker="nothing is refused any more, only recorded"),
            ConfigChange("dlp.action", "block", "warn", weaker="credentials leave, with a warning"),
            ConfigChange("fetch_proxy.listen", "127.0.0.1:8888", "127.0.0.1:8889", restart=True),
            ConfigChange("approvals.timeout_seconds", "60", "120"),
        ),
        weaker=("mode is audit: nothing is refused", "dlp.action is warn: credentials leave"),
        warnings=("api_allowlist is empty: every host that is not asked about is allowed",),
    )


def checks() -> tuple[Check, ...]:
    """What the doctor says, once in each state."""
    return (
        Check("control socket", CheckState.OK, "/home/dev/.pipelock/control.sock, 0600"),
        Check("proxy variables", CheckState.WARN, "HTTPS_PROXY is not set in this shell", "eval $(pipelock env)"),
        Check("audit log", CheckState.FAIL, "/var is 99% full", "free some space, or move logging.file"),
        Check("certificate authority", CheckState.OK, "valid until 2036-09-18"),
    )


def audit_state() -> AuditState:
    """Two files, one with a broken line."""
    return AuditState(
        files=(
            AuditFile("/home/dev/.pipelock/logs/audit.jsonl", 2_400_000, NOON - 3, 0o600),
            AuditFile("/home/dev/.pipelock/logs/audit.jsonl.1", 10_400_000, NOON - 90_000, 0o644),
        ),
        lines=40_210,
        broken=1,
        blocked=311,
        first_at=NOON - 4 * 86_400,
        last_at=NOON - 3,
        problems=("audit.jsonl.1, line 812 is no JSON object", "audit.jsonl.1 may be read by everybody (0644)"),
    )
