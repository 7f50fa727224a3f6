"""The hub's gateway beside other servers under one load: what a delivery, a connection and a wait cost each of them.

Others store nothing, authenticate nobody and number nothing: what they cost is a floor, not a rival. Every contender
gets the same bytes for the same channels, in rounds that take turns, and every message is accounted for.
"""
