"""Checkpoints of the audit trail are signed with a key of their own (RFC 7515, RFC 8037)."""

import json
from datetime import UTC, datetime

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeyParameters, OKPKey

from admin_module.domain.audit import Checkpoint

_ALGORITHM = "Ed25519"
_TYPE = "artstore-audit-checkpoint"
_PARAMETERS: KeyParameters = {"use": "sig", "alg": _ALGORITHM}


def new_key() -> OKPKey:
    return import_key(OKPKey.generate_key("Ed25519").as_pem(private=True))


def import_key(pem: bytes) -> OKPKey:
    key = OKPKey.import_key(pem, _PARAMETERS)
    key.ensure_kid()
    return key


def sign(seq: int, digest: bytes, key: OKPKey) -> Checkpoint:
    """Sign that the trail had this digest at this record, now."""
    at = datetime.now(UTC)
    payload = {"seq": seq, "digest": digest.hex(), "at": at.isoformat(timespec="microseconds")}
    header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": key.kid}
    signature = jws.serialize_compact(header, json.dumps(payload), key, [_ALGORITHM])
    return Checkpoint(seq=seq, digest=digest, at=at, signature=signature)


def is_genuine(checkpoint: Checkpoint, key: OKPKey) -> bool:
    """Say whether the key signed just this."""
    try:
        signed = jws.deserialize_compact(checkpoint.signature, key, [_ALGORITHM])
        payload = json.loads(signed.payload)
    except (JoseError, ValueError):
        return False
    said = (payload.get("seq"), payload.get("digest"))
    return said == (checkpoint.seq, checkpoint.digest.hex())
