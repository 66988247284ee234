"""`python -m benchmarks.verify`: what it costs to verify a signed call.

cost    one verification alone, its certificate at hand, beside the bare check of a signature
run     the command line
signer  an authority, a signer under it, and Identity headers made ahead
served  the same for a whole stage: trust roots in a file, the certificate by HTTPS
"""
