"""Calls with STIR/SHAKEN signatures, real and spoilt, for a lab; it needs `cryptography`.

authority  a certificate authority whose leaves name a service provider code
passport   tokens and the Identity header that carries one
server     where the certificates are fetched from
signing    all of it together: `with Lab(shaken=Shaken()) as lab: lab.shaken.identity(...)`
"""

from lab.shaken.authority import Authority, Credential
from lab.shaken.passport import compact, div_passport, identity_header, shaken_passport, sign
from lab.shaken.server import CertificateServer
from lab.shaken.signing import Shaken

__all__ = [
    "Authority",
    "CertificateServer",
    "Credential",
    "Shaken",
    "compact",
    "div_passport",
    "identity_header",
    "shaken_passport",
    "sign",
]
