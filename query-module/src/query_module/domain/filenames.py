"""What a file's name tells."""

import unicodedata


def searchable(filename: str) -> str:
    """Return the name as people type it: macOS sends letters and their accents apart."""
    return unicodedata.normalize("NFC", filename)


def extension(filename: str) -> str:
    """Return what follows the last dot, in lower case; empty where that is no extension."""
    stem, _, ending = filename.rpartition(".")
    return ending.lower() if stem and ending.isalnum() else ""
