"""What accounts pay for: plans that are sold by Stripe, or given by whoever runs the server. Off by default."""
