"""What people see of their accounts: sign-up, log-in, settings."""
