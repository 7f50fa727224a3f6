"""What several tests share. Nothing here is a double of our own code."""
