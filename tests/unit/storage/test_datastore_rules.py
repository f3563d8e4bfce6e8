"""Addresses, signatures and pace of datastores: decisions without a server."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from eaves.errors import Rejected
from eaves.evapi.config import DatastoreConfig, DsType
from eaves.node.storage import azure, google, sigv4
from eaves.node.storage.addresses import object_url
from eaves.node.storage.authorizers import Credentials, Refused
from eaves.node.storage.intent import source
from eaves.node.storage.transfer import Watch

S3, AZURE, GOOGLE, SFTP = (
    DsType.DsS3,
    DsType.DsAzureBlob,
    DsType.DsGoogleStorage,
    DsType.DsSFTP,
)


def store(kind: DsType, fqdn: str, dpath: str = "", region: str = "") -> DatastoreConfig:
    return DatastoreConfig(id="d", d_type=kind, fqdn=fqdn, dpath=dpath, region=region)


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        (store(S3, "", "bkt"), "https://bkt.s3.us-west-2.amazonaws.com/a/x"),
        (store(S3, "s3.amazonaws.com", "bkt/p/q", "eu-west-1"), "https://bkt.s3.eu-west-1.amazonaws.com/p/q/a/x"),
        (store(S3, "https://s3.eu-west-1.amazonaws.com", "bkt"), "https://bkt.s3.eu-west-1.amazonaws.com/a/x"),
        (store(S3, "b.s3.eu-west-1.amazonaws.com", "p"), "https://b.s3.eu-west-1.amazonaws.com/p/a/x"),
        (store(S3, "b.s3.eu-west-1.amazonaws.com", "b/p"), "https://b.s3.eu-west-1.amazonaws.com/p/a/x"),
        (store(S3, "s3.amazonaws.com", "b.c", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/b.c/a/x"),
        (store(S3, "http://10.0.0.5:9000", "b/p"), "http://10.0.0.5:9000/b/p/a/x"),
        (store(S3, "https://b.minio.lan", "b/p"), "https://b.minio.lan/p/a/x"),
        (store(AZURE, "acc.blob.core.windows.net", "c"), "https://acc.blob.core.windows.net/c/a/x"),
        (store(AZURE, "https://acc.blob.core.windows.net/", "/c/p/"), "https://acc.blob.core.windows.net/c/p/a/x"),
        (store(AZURE, "", "c"), "https://{account}.blob.core.windows.net/c/a/x"),
        (store(GOOGLE, "", "b"), "https://storage.googleapis.com/b/a/x"),
        (store(GOOGLE, "gs://b", "p"), "https://storage.googleapis.com/b/p/a/x"),
        (store(GOOGLE, "storage.googleapis.com", "b/p"), "https://storage.googleapis.com/b/p/a/x"),
        (store(SFTP, "host", ""), "sftp://host/a/x"),
        (store(SFTP, "host:2222", "images"), "sftp://host:2222/images/a/x"),
        (store(SFTP, "sftp://host", "/srv/images/"), "sftp://host//srv/images/a/x"),
        (store(SFTP, "sftp://host/srv", "images"), "sftp://host//srv/images/a/x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_address_becomes_the_url_of_an_object(asked: DatastoreConfig, url: str) -> None:
    found = source(asked, "RAW")
    assert object_url(found.kind, found.base, "a/x") == url


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (store(S3, "s3.amazonaws.com"), "no bucket"),
        (store(S3, "s3.amazonaws.com", "evil/../b@host"), ""),
        (store(S3, "s3.amazonaws.com", "b@evil.example"), "is not the name of a bucket"),
        (store(S3, "s3.amazonaws.com", "b", "x/y"), "is not a region"),
        (store(S3, "ftp://s3.lan", "b"), "is no http"),
        (store(AZURE, "acc.blob.core.windows.net"), "no container"),
        (store(GOOGLE, "storage.googleapis.com"), "no bucket"),
        (store(SFTP, "http://host"), "is no sftp address"),
        (store(SFTP, "sftp://me:hunter2@host"), "holds a password"),
        (store(SFTP, "sftp://host:99999"), "address"),
        (store(DsType.DsUnknown, "host"), "not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_address_that_cannot_be_used_is_told(asked: DatastoreConfig, why: str) -> None:
    if not why:
        assert "%40host" in source(asked, "RAW").base
        return
    with pytest.raises(Rejected, match=why) as refused:
        source(asked, "RAW")
    assert "hunter2" not in str(refused.value)


def test_a_key_is_quoted_once_and_whole() -> None:
    url = object_url("s3", "https://b", "a b+é/50%?x=1#y")
    assert url == "https://b/a%20b%2B%C3%A9/50%25%3Fx%3D1%23y"
    assert object_url("http", "https://b", "/a?x=1") == "https://b/a?x=1"


def test_the_signature_is_that_of_the_published_example() -> None:
    """GET Object, in "Examples: Signature Calculations", Amazon S3."""
    who = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    sent = {"Range": "bytes=0-9", "Accept-Encoding": "identity"}
    made = sigv4.sign(who, "us-east-1", url, sent, 1369353600.0)["Authorization"]
    assert "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," in made
    assert made.endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_a_wrong_region_and_a_wrong_clock_are_told_apart() -> None:
    auth = sigv4.SignatureV4(Credentials("a", "b"), "us-west-2", lambda: 0.0)
    other = auth.advice(Refused(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-west-1"}))
    assert other == "the bucket lies in region eu-west-1, the datastore says us-west-2"
    assert "clock" in auth.advice(Refused(403, "RequestTimeTooSkewed", {}))


def test_an_account_key_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(Rejected) as refused:
        azure.authorizer(Credentials("acc", "no key!"), lambda: 0.0, allow_insecure=False)
    assert "no key!" not in str(refused.value)


def test_the_account_is_the_first_word_of_the_host_unless_named() -> None:
    made = azure.sign("", b"k", "https://acc.blob.core.windows.net/c/x", {}, 0.0)
    assert made["Authorization"].startswith("SharedKey acc:")


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "base64"])
def test_a_service_account_signs_what_the_token_server_can_check(*, wrapped: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    text = json.dumps({"type": "service_account", "client_email": "n@x", "private_key": pem})
    if wrapped:
        text = base64.b64encode(text.encode()).decode()
        text = base64.b64decode(text).decode()
    account = google.service_account(text)
    head, claims, signature = (
        base64.urlsafe_b64decode(part + "==")
        for part in google.assertion(account, 1000.0).split(".")
    )
    signed = google.assertion(account, 1000.0).rpartition(".")[0].encode()
    key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(head)["alg"] == "RS256"
    said = json.loads(claims)
    assert (said["iss"], said["aud"], said["exp"] - said["iat"]) == (
        "n@x",
        google.TOKEN_URI,
        3600,
    )
    assert said["scope"].endswith("devstorage.read_only")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not the JSON file"),
        ('{"type": "authorized_user"}', "of type 'authorized_user'"),
        (
            '{"type": "service_account", "client_email": "n@x", "token_uri": "http://evil.example/"}',
            "not by https",
        ),
        ('{"type": "service_account", "client_email": "n@x", "private_key": "SECRET"}', "of n@x"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told(text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why) as refused:
        google.service_account(text)
    assert "SECRET" not in str(refused.value)


def test_a_transfer_that_drips_is_ended_and_a_slow_one_is_not() -> None:
    now = [0.0]
    watch = Watch(600, 0, lambda: now[0])
    for n in range(1, 11):
        now[0] += 599
        watch.saw(n * 16 * 1024)
    now[0] += 599
    watch.saw(10 * 16 * 1024 + 1)
    now[0] += 2
    with pytest.raises(TimeoutError):
        watch.saw(10 * 16 * 1024 + 2)
