"""URLs of S3 that are signed already (AWS Signature Version 4), so that any client can use them."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

_REGION = "us-east-1"
_SECONDS = 86_400


class Signer:
    """Signs for one server; of the body nothing is signed, as browsers are sent such URLs."""

    def __init__(self, host: str, access_key: str, secret_key: str) -> None:
        now = datetime.now(UTC)
        self._host = host
        self._moment = f"{now:%Y%m%dT%H%M%SZ}"
        self._scope = f"{now:%Y%m%d}/{_REGION}/s3/aws4_request"
        key = f"AWS4{secret_key}".encode()
        for part in self._scope.split("/"):
            key = _hmac(key, part)
        self._key = key
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{access_key}/{self._scope}",
            "X-Amz-Date": self._moment,
            "X-Amz-Expires": str(_SECONDS),
            "X-Amz-SignedHeaders": "host",
        }
        self._query = urlencode(parameters, quote_via=quote, safe="")

    def target(self, method: str, path: str) -> str:
        """Return the path with what lets anybody use it for a day; it holds no special letters."""
        head = f"{method}\n{path}\n{self._query}\nhost:{self._host}\n"
        request = f"{head}\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self._moment}\n{self._scope}\n{digest}"
        return f"{path}?{self._query}&X-Amz-Signature={_hmac(self._key, text).hex()}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
