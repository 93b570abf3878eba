"""Every test runs with the package's shapes enforced, and with one thread per worker."""

from jaxtyping import install_import_hook

install_import_hook("nlgnotes", "beartype.beartype")

import torch  # noqa: E402

torch.set_num_threads(1)
