"""What browsers ask for while an account is connected: plain pages and redirects. Nothing is decided here."""
