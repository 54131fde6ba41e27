"""What every service stands on: database, bus, sealing, access, clock. No business decision."""
