"""Whom a diagnosis asks beside the controller: it tells whether that or the Internet is absent.

Nobody is asked before a person asks for a diagnosis, and only while the controller does not answer.
Source: node reference 15.  Pure.
"""

import ipaddress
import re

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LONGEST_NAME = 253


def asked_urls(http: str, https: str) -> tuple[str, ...]:
    """Of two hosts, each blank for none.  One asked by HTTPS has a name, as certificates have."""
    urls: list[str] = []
    if _is_address(http) or _is_name(http):
        urls.append(f"http://{f'[{http}]' if ':' in http else http}/")
    if _is_name(https) and not _is_address(https):
        urls.append(f"https://{https}/")
    return tuple(urls)


def _is_name(text: str) -> bool:
    labels = text.split(".")
    return len(text) <= LONGEST_NAME and all(_LABEL.fullmatch(label) for label in labels)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
