"""Python imports this at its start: every process that a test starts is offline, kernels too."""

import sys

import loopback

loopback.block()

# jsonschema, which nbformat imports, would read a grammar of addresses in all alphabets: a second
# for each process, and no schema of a notebook asks for it. Without the module, it leaves it out.
sys.modules.setdefault("rfc3987_syntax", None)
