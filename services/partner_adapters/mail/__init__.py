"""What the kind `email` is made of: mails written, handed in, read and understood."""
