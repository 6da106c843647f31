"""Whether a bucket lets objects be created with the only encryption there is here, Google's own."""

from cloud.engine.storage.preconditions import ConditionNotMet
from cloud.engine.storage.records import BucketRecord

_OWN = "googleManagedEncryptionEnforcementConfig"


def check_creation(bucket: BucketRecord) -> None:
    """Raises:
    ConditionNotMet: the bucket takes only objects that are encrypted with a key of its customer.
    """
    encryption = bucket.settings.get("encryption")
    own = encryption.get(_OWN) if isinstance(encryption, dict) else None
    if isinstance(own, dict) and own.get("restrictionMode") == "FullyRestricted":
        raise ConditionNotMet(
            f"The bucket's encryption enforcement ({_OWN}) allows no new object that is encrypted by Google, as all "
            "are here."
        )
