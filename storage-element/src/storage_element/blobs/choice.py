"""Where files are kept, as the settings say."""

from artstore_kit.contracts.elements import StorageType
from storage_element.blobs.local_disk import LocalDisk
from storage_element.blobs.store import BlobStore
from storage_element.config import Settings


def blob_store(settings: Settings) -> BlobStore:
    """Return the store that the settings name, not yet open."""
    if settings.storage_type is StorageType.LOCAL:
        return LocalDisk(settings.storage_path)
    return _s3(settings)


def _s3(settings: Settings) -> BlobStore:
    # Who keeps files in a folder has no use for 10 MiB of an S3 client, nor time for its import.
    from storage_element.blobs.bucket import Bucket  # noqa: PLC0415
    from storage_element.blobs.s3 import S3  # noqa: PLC0415

    access_key, secret_key = settings.storage_s3_access_key, settings.storage_s3_secret_key
    bucket = Bucket(
        name=settings.storage_s3_bucket,
        region=settings.storage_s3_region,
        endpoint=str(settings.storage_s3_endpoint) if settings.storage_s3_endpoint else None,
        access_key=access_key.get_secret_value() if access_key else None,
        secret_key=secret_key.get_secret_value() if secret_key else None,
        path_style=settings.storage_s3_path_style,
    )
    return S3(bucket, memory=settings.storage_s3_memory)
