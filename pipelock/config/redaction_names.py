"""The classes that redaction profiles may list. A test holds them equal to what `pipelock.detect` can replace."""

from __future__ import annotations

__all__ = ["REDACTION_CLASSES"]

REDACTION_CLASSES = tuple(
    """ad-user anthropic-api-key aws-access-key aws-secret-key azure-sas-token azure-storage-key cidr credential
    credit-card databricks-token db-connection-string discord-bot-token email env-secret fireworks-api-key fqdn
    github-token gitlab-token google-api-key hash-md5 hash-sha1 hash-sha256 hash-sha512 hashicorp-vault-token
    huggingface-token ipv4 ipv6 jwt linear-api-key mac mailgun-api-key notion-api-key npm-token openai-api-key
    pypi-token replicate-api-token seed-phrase sentry-auth-token slack-token ssh-private-key ssn supabase-service-key
    telegram-bot-token together-ai-key twilio-api-key vercel-token""".split()  # noqa: SIM905 - a list of words
)
