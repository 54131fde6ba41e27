"""A certificate authority made for one demonstration, and what it certifies for mail servers."""

import ssl
import tempfile
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_AUTHORITY_LASTS = timedelta(days=3650)
_SERVER_LASTS = timedelta(days=90)
_DAY = timedelta(days=1)


class Authority:
    """Signs the certificates of servers; `pem` is its key and its certificate."""

    def __init__(self, pem: str) -> None:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not an EC key")
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(pem.encode())

    @classmethod
    def make(cls, *, now: datetime) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Autorité de démonstration")
        certificate = (
            _certificate(subject=name, issuer=name, key=key, begins=now - _DAY)
            .not_valid_after(now + _AUTHORITY_LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_signs_certificates(), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(_pem_of_key(key) + _pem_of(certificate))

    @property
    def pem(self) -> str:
        """Key and certificate: for the simulator alone."""
        return _pem_of_key(self._key) + self.certificate

    @property
    def certificate(self) -> str:
        """What whoever connects has to trust."""
        return _pem_of(self._certificate)

    def server_context(self, host: str, *, now: datetime, expired: bool = False) -> ssl.SSLContext:
        """The TLS of a server called `host` (an IP address); `expired`: since yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        begins = now - _SERVER_LASTS if expired else now - _DAY
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address(host)), x509.DNSName("localhost")]
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _certificate(
                subject=_name(host), issuer=self._certificate.subject, key=key, begins=begins
            )
            .not_valid_after(now - _DAY if expired else now + _SERVER_LASTS)
            .add_extension(names, critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _context(_pem_of_key(key) + _pem_of(certificate))


def _certificate(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _context(pem: str) -> ssl.SSLContext:
    """The standard library reads keys from files alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_text(pem)
        context.load_cert_chain(file)
    return context
