"""What every service stands on: database, bus, sealing, access, clock, observability. No business decision."""
