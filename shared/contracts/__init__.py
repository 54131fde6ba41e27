"""What the services agree on: events, topics and the two status vocabularies. No I/O."""
