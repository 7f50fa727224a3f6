"""Long runs: below what the hub can take, whether anything grows; above it, whether it keeps its word."""
