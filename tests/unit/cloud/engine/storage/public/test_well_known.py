import pytest

from cloud.engine.storage.public.well_known import PublicBucketMissing, is_well_known


@pytest.mark.parametrize("bucket", ["cloud-samples-data", "tensorflow", "gcp-public-data-landsat", "tfds-data"])
def test_what_public_programs_read_is_known(bucket):
    assert is_well_known(bucket)


@pytest.mark.parametrize("bucket", ["my-bucket", "tensorflow-of-mine", "", "gcp-public-data-\r\nSet-Cookie: x"])
def test_other_names_are_not(bucket):
    assert not is_well_known(bucket)


def test_the_error_names_the_flag_also_where_a_client_shows_a_line_only():
    error = PublicBucketMissing("The specified bucket does not exist: 'tensorflow'", "tensorflow")
    for text in (error.message, error.short):
        assert "--public tensorflow=FOLDER" in text
