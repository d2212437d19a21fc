"""The embedded pair: a verifier and a draft small enough to ship, and how they were made."""
