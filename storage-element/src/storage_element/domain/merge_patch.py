"""JSON Merge Patch (RFC 7396, section 2)."""

from collections.abc import Mapping


def merge(target: object, patch: object) -> object:
    """Return `target` with `patch` applied; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
