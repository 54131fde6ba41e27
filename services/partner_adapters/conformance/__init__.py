"""The conformance kit: plays our side against an agency's system, with invented visitors."""
