"""`ringfence doctor`: what is wrong, and how to mend it. Only asks, and waits for nothing long.

`finding` is one answer; `redis`, `rules`, `disputes`, `agi`, `ari`, `asterisk` and `attestation`
each look at one part and yield findings, `dialplan` reads what Asterisk has loaded of ours; `named`
is what rules name in Asterisk, which `sounds` and `places` look for; `examine` asks all at once,
each within its time. Shows nothing: that is the command line's.
"""

from ringfence.doctor.examine import examine
from ringfence.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
