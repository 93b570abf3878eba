"""Side-by-side timings of the package and its peers: ``make bench`` runs them."""
