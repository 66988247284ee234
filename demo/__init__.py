"""Watch Ringfence screen real SIP calls on a real Asterisk: `make demo`, `make up`.

`stage` starts Asterisk, Ringfence and Valkey as real processes; `scenes` are the calls with what
ought to come of each; `table` shows what came.
"""
