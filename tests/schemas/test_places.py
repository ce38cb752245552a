"""Places: what paths and URIs name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_schemas.places import Place


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/lake/tables", "/lake/tables"),
        ("lake", "lake"),
        ("/lake/a%20b#1?.csv", "/lake/a%20b#1?.csv"),
        ("/lake/a:b.csv", "/lake/a:b.csv"),
        ("file:///lake/a%20b", "/lake/a b"),
        ("file:///lake/a#1?.csv", "/lake/a#1?.csv"),
        ("file:/lake", "/lake"),
        ("file://localhost/lake", "/lake"),
    ],
)
def test_place_is_a_path_when_it_lies_on_disk(uri: str, path: str) -> None:
    place = Place.parse(uri)
    assert place.path == Path(path)
    assert (place.bucket, place.key, place.is_s3, place.as_s3()) == ("", "", False, uri)


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3a://lake", "lake", ""),
        ("s3a://lake/", "lake", ""),
        ("s3a://lake/a/b/", "lake", "a/b"),
        ("s3://lake/a", "lake", "a"),
        ("S3A://lake/a", "lake", "a"),
        ("s3a://lake/a%20b#1?/c d", "lake", "a%20b#1?/c d"),
    ],
)
def test_place_is_a_key_of_a_bucket_when_it_lies_on_s3(uri: str, bucket: str, key: str) -> None:
    place = Place.parse(uri)
    assert (place.path, place.bucket, place.key) == (None, bucket, key)
    assert place.is_s3
    assert place.as_s3().startswith(f"s3://{bucket}")
    assert Place.parse(place.as_s3()).key == key


def test_place_is_no_s3_when_it_lies_in_another_store() -> None:
    place = Place.parse("gs://lake/a")
    assert (place.path, place.scheme, place.bucket, place.key) == (None, "gs", "lake", "a")
    assert (place.is_s3, place.as_s3()) == (False, "gs://lake/a")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_path_comes_back_when_it_is_written_as_a_uri(name: str) -> None:
    path = Path("/") / name.replace("/", "_")
    assert Place.parse(path.as_uri()).path == path
