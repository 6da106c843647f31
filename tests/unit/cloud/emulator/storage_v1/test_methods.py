"""The table of methods against Google's own: the discovery document inside google-api-python-client."""

from cloud.emulator.rest.discovery import load
from cloud.emulator.storage_v1.routes import DOCUMENT, ROUTES
from cloud.emulator.storage_v1.unimplemented import REASONS


def test_every_method_is_served_once_or_refused_with_a_reason():
    google = load(DOCUMENT).methods.keys()
    served = [route.method_id for route in ROUTES if route.media is None]
    assert len(served) == len(set(served)) >= 39
    assert set(served) <= google
    assert {name.rpartition(".")[0] for name in google - set(served)} == REASONS.keys()
    assert all(len(reason) > 20 for reason in REASONS.values())


def test_media_belongs_to_methods_of_google():
    media = {route.method_id for route in ROUTES if route.media}
    assert media == {"storage.objects.insert", "storage.objects.get"}
