"""The bound on an attributes document, kept so that later revisions and moves fit too."""

from artstore_kit.contracts.files import MAX_ATTRIBUTES_BYTES, FileAttributes
from storage_element.usecases.errors import AttributesTooLargeError

# What the system itself may make longer: the revision, and the element that takes the file over.
_LONGEST = {"revision": 2**31 - 1, "moving_to": "x" * 63, "size": 2**63 - 1}


def check_attributes_fit(attributes: FileAttributes) -> None:
    """Raise AttributesTooLargeError, naming the field to shorten."""
    longest = attributes.model_copy(update=_LONGEST)
    if len(longest.document()) > MAX_ATTRIBUTES_BYTES:
        field = attributes.largest_field()
        message = f"the attributes exceed {MAX_ATTRIBUTES_BYTES} bytes; shorten {field}"
        raise AttributesTooLargeError(message, errors=[{"field": field, "message": "too large"}])
