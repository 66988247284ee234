"""Rules: from the JSON that admins write to a verdict for one call. Pure, no I/O.

`model` is the rule as written, decoded strictly; `match` turns each value into a condition;
`compile` makes a `RuleBook` of all rules, with an index so that a call meets only the rules that
can concern it; `evaluate` holds a call against the book, `explain` says rule by rule why.
"""

from ringfence.rules.compile import EMPTY_BOOK, RuleBook, compile_rules
from ringfence.rules.evaluate import demands, evaluate
from ringfence.rules.explain import Step, explain
from ringfence.rules.model import (
    MAX_RULE_BYTES,
    Rule,
    RuleRefused,
    decode_rule,
    encode_rule,
)

__all__ = [
    "EMPTY_BOOK",
    "MAX_RULE_BYTES",
    "Rule",
    "RuleBook",
    "RuleRefused",
    "Step",
    "compile_rules",
    "decode_rule",
    "demands",
    "encode_rule",
    "evaluate",
    "explain",
]
