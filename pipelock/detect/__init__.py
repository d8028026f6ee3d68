"""Pure detection: text, URLs, addresses. Rules are data."""
