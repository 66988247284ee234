"""Ringfence: call screening for Asterisk.

The way of one call, from top to bottom:

``agi`` or ``ari_app`` (the doors) gather the facts of a call into a `call.CallAttempt`;
`screening.Screener` turns it into a `call.Call`, holds it against the rules of
`rules` and the number lists of `lists`, and returns a `verdict.Verdict`;
the door or the dialplan acts on it, and `calllog` keeps the record.

`store` mirrors rules and lists from Redis, so that no decision waits for the network.
`config`, `service` and `cli` put the parts together. Arrows point down only:
doors -> screening -> rules, lists, attestation -> call, numbers, verdict.
"""

__version__ = "0.1.0"
