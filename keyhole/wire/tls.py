"""Mutual TLS: a local certificate authority and one certificate for each role."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyhole.service.errors import UsageError, unknown_name

_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ROLES: Mapping[str, Sequence[x509.ObjectIdentifier]] = {
    "edge": (_CLIENT,),
    "cloud": (_SERVER, _CLIENT),
    "oracle": (_SERVER, _CLIENT),
    "adversary": (_CLIENT,),
    "monitor": (_SERVER, _CLIENT),
}
"""What each role's certificate may be used for. The adversary's is no server's: it cannot pose as the cloud."""

CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
_VALID = timedelta(days=365)
_SLACK = timedelta(minutes=5)


def make_certificates(directory: Path) -> None:
    """Write an authority and certificates, all valid for a year.

    ``ca.crt`` and ``ca.key`` are the authority; each role's folder holds all that the role needs: ``ca.crt``,
    ``tls.crt`` and ``tls.key``. Certificates are valid for ``localhost``, the loopback addresses and the role's name.

    Raises:
        UsageError: the directory holds an authority already.
    """
    if (directory / CA_CERTIFICATE).exists():
        raise UsageError(f"{directory} holds certificates already: remove them or choose another directory")
    directory.mkdir(parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    name = _name("keyhole local authority")
    ca = (
        _builder(name, name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    _write_pair(directory / CA_CERTIFICATE, ca, directory / CA_KEY, ca_key)
    for role, usages in ROLES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, _name(role), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_alternative_names(role), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        folder = directory / role
        folder.mkdir(exist_ok=True)
        _write_pair(folder / CERTIFICATE, certificate, folder / KEY, key)
        (folder / CA_CERTIFICATE).write_bytes(ca.public_bytes(serialization.Encoding.PEM))


def server_credentials(directory: Path, role: str | None = None) -> grpc.ServerCredentials:
    """Credentials of a server that takes only clients with a certificate of the same authority.

    Args:
        directory: what ``make_certificates`` wrote, or one role's folder in it.
        role: whose certificate; not needed with a role's folder.

    Raises:
        UsageError: the directory does not hold the role's certificate, or the role is no server.
    """
    if role is not None and role in ROLES and _SERVER not in ROLES[role]:
        raise UsageError(f"the certificate of {role} is a client's: a server needs that of cloud, oracle or monitor")
    ca, certificate, key = _identity(directory, role)
    return grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)


def channel_credentials(directory: Path, role: str | None = None) -> grpc.ChannelCredentials:
    """Credentials of a client; arguments and errors as for ``server_credentials``."""
    ca, certificate, key = _identity(directory, role)
    return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=certificate)


def _identity(directory: Path, role: str | None) -> tuple[bytes, bytes, bytes]:
    """Authority, certificate and key, in PEM."""
    if (directory / CERTIFICATE).exists():
        folder = directory
    elif role is None:
        raise UsageError(f"{directory}: expected {CERTIFICATE}; pass one role's folder: {', '.join(ROLES)}")
    elif role not in ROLES:
        raise unknown_name("role", role, ROLES)
    else:
        folder = directory / role
    try:
        return tuple((folder / name).read_bytes() for name in (CA_CERTIFICATE, CERTIFICATE, KEY))  # type: ignore[return-value]
    except OSError as error:
        raise UsageError(
            f"{folder}: no usable certificate ({error}); `keyhole certs {directory}` makes them"
        ) from error


def _builder(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative_names(role: str) -> x509.SubjectAlternativeName:
    loopback = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    return x509.SubjectAlternativeName([x509.DNSName(role), x509.DNSName("localhost"), *loopback])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    certificate_path: Path, certificate: x509.Certificate, key_path: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    pem = serialization.Encoding.PEM
    certificate_path.write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private)
