"""Entity tags of documents (RFC 9110, 8.8.3 and 13.1.2)."""

import re

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def matches(if_none_match: str, etag: str) -> bool:
    """Say whether the client already has the document; compares weakly, as the RFC has it."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
