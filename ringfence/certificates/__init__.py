"""Signers' certificates: fetched from where strangers say, checked, and at hand when a call comes.

`store` is what a call asks, from `memory`; `upkeep` runs behind it; `build` makes both of the
settings. `source` gets one thing: from `disk`, which the workers share, else by a fetch that only
one of them makes (`alone`) and that has its turn (`lane`). `fetch` opens the connection: `location`
takes an x5u apart, `lookup` resolves its name, `addresses` says where we never connect to, `http`
reads the answer. `anchors` are the trust roots and `revocation` the lists of who was taken back;
`watched` sees that the admin changed a file. What a certificate is worth is judged in
`ringfence.attestation`.
"""

from ringfence.certificates.build import Certificates, open_certificates
from ringfence.certificates.store import CertificateStore
from ringfence.certificates.upkeep import Upkeep

__all__ = ["CertificateStore", "Certificates", "Upkeep", "open_certificates"]
