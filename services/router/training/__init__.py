"""Training of the router's model, and the texts it is trained and measured on (extra `[train]`)."""
