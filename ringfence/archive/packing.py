"""A record's JSON made small; knows no file and nothing of what a record says.

Most of a record is the same in every one: names of fields, and a few values. Deflate is told them
beforehand, and what is left is a third. The dictionary is kept with what was packed by it, so that
a later Ringfence may have a better one.
"""

from __future__ import annotations

import zlib

LEVEL = 6
WINDOW = -13
"""8 KB, without a header: room for the dictionary and a usual record."""
MEMORY = 6
MOST = 1_000_000
"""Bytes that a packed record may become: many times the largest there is."""

# What is most common stands last, where deflate reaches it with the fewest bits.
DICTIONARY = (
    b'"headers":{"user-agent":"","x-":"Asterisk PBX FreeSWITCH Sonus_UAC"}'
    b'"diversion":"<sip:;reason=unconditional>","pai":"<sip:+1@","caller_name":"WIRELESS CALLER'
    b'","presentation":"prohib_not_screened","anonymous":true,"cut":true'
    b'"attestation_detail":"attestation_reason":"no-identity","attestation_code":428,'
    b'"attestation_origin":"headers","x5u":"https://cert/.pem","stir_shaken":[["passed","'
    b'"identity":["eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1Ijoi'
    b';info=<https://>;alg=ES256;ppt=shaken"],"outcome":"hung-up","outcome":"late",'
    b'"challenge":"passed","treatment":{"language":"es","context":"","tries":},"callee":"'
    b'"also":[{"list":"caught","seconds":3600,"rule":"'
    b'"noted":[{"rule":"","action":"flag","monitor":true,"why":"caller ","points":}],"score":'
    b'"matched":["caller @ called attestation C trunk "],"label":"","detail":"",'
    b'"prompt":"ss-noservice","action":"intercept","reason":"score","action":"flag",'
    b'"action":"block","reason":"rule","rule":"","basis":"provider-notice","basis":"policy",'
    b'"basis":"analytics","sip":603,"sip":403,'
    b'"attestation":"B","verification":"failed","attestation":"C","attestation":"A",'
    b'"verification":"passed","attestation_origin":"asterisk","origid":"","signer":"'
    b'"provider":"","door":"ari","worker":"worker-2","source":"10.","source":"192.168.'
    b'{"id":"","time":"2026-2027-T:Z","outcome":"applied","door":"agi","worker":"worker-1",'
    b'"uniqueid":"17","channel":"PJSIP/-0000","trunk":"carrier-","source":":5060",'
    b'"sip_call_id":"@","caller":"+1","caller_e164":"+1","called":"+1","called_e164":"+1",'
    b'"from":"<sip:+1@>","action":"allow","reason":"no-rule","ms":0.0}'
)


class Packer:
    """Packs by one dictionary."""

    def __init__(self, dictionary: bytes = DICTIONARY) -> None:
        self._begun = zlib.compressobj(
            LEVEL, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary
        )

    def pack(self, data: bytes) -> bytes:
        """`data`, small."""
        # a copy has read the dictionary already
        work = self._begun.copy()
        return work.compress(data) + work.flush()


class Unpacker:
    """Unpacks what was packed by one dictionary."""

    def __init__(self, dictionary: bytes) -> None:
        self._begun = zlib.decompressobj(WINDOW, dictionary)

    def unpack(self, packed: bytes) -> bytes:
        """What was packed. ValueError where it is damaged."""
        work = self._begun.copy()
        try:
            data = work.decompress(packed, MOST)
        except zlib.error as error:
            raise ValueError(f"a packed record is damaged: {error}") from None
        if not work.eof:
            raise ValueError("a packed record is damaged: it has no end")
        return data
