"""What the kind `soap` is made of: its WSDL, messages written and read, a referral's fields."""
