"""What must be true of an answer that was read from a file, besides its form."""

from __future__ import annotations

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.url_view import UrlError, parse_url, split_url
from pipelock.engine.approvals.asked import is_domain, is_plain_path, spelling_of
from pipelock.model import Grant

__all__ = ["wrong_with"]


def wrong_with(grant: Grant) -> str:
    """Why `grant` could never cover anything, or would cover more than it says; empty where nothing is wrong.

    What is compared with it comes in one spelling; an entry in another would stand there and do nothing.
    """
    if grant.host and not _is_folded(grant.host):
        return f"host: {grant.host} is not how the name is compared: lower case, no final dot, xn-- for other scripts"
    if grant.domain and not (_is_folded(grant.domain) and is_domain(grant.domain)):
        return f"domain: {grant.domain} is nothing that somebody registers, such as example.com"
    if grant.path and not is_plain_path(grant.path):
        return "path: dots, double slashes, semicolons and escaped delimiters are read in several ways"
    if grant.url:
        try:
            spelled = spelling_of(parse_url(split_url(grant.url)))
        except UrlError as error:
            return f"url: {error}"
        if spelled != grant.url:
            return f"url: it is compared as {spelled}"
    return ""


def _is_folded(name: str) -> bool:
    try:
        return fold_host(name).name == name
    except HostError:
        return False
