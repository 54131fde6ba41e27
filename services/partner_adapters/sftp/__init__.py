"""Parts of the `sftp` kind: the connection, and what is in the files that go either way."""
