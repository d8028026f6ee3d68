"""PHP_INI_SCAN_DIR: PHP reads no variable for certificates, but one for folders of settings.

The value is a list of folders, cut at the path separator; an empty one stands for the folder PHP was built with. Ours
is appended, so it is read last and nothing of the user's is lost.
"""

from __future__ import annotations

import os
from pathlib import PurePath

__all__ = ["FOLDER", "SCAN_VARIABLE", "php_settings", "scan_folders", "without_ours"]

SCAN_VARIABLE = "PHP_INI_SCAN_DIR"
FOLDER = "pipelock-php"
"""The last part of our folder's path, by which it is known again."""


def scan_folders(inherited: str, folder: str) -> str:
    """`inherited` with `folder` after it; unchanged where `folder` can't stand in a list."""
    if os.pathsep in folder:
        return inherited
    return f"{without_ours(inherited)}{os.pathsep}{folder}"


def without_ours(folders: str) -> str:
    """What the user had: `folders` less what `scan_folders` added."""
    parts = folders.split(os.pathsep)
    while parts and PurePath(parts[-1]).name == FOLDER:
        parts.pop()
    return os.pathsep.join(parts)


def php_settings(bundle: str) -> str:
    """A file of settings that names the bundle to PHP's curl and streams; empty where its form can't hold the path."""
    if not bundle.isprintable():
        return ""
    if "'" not in bundle:
        value = f"'{bundle}'"
    elif not set(bundle) & set('"\\$'):
        value = f'"{bundle}"'
    else:
        return ""
    return f"curl.cainfo = {value}\nopenssl.cafile = {value}\n"
