"""Python imports this at its start: every process that a test starts is offline, kernels too."""

import loopback

loopback.block()
