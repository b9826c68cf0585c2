"""Where everything is kept: `base` is the contract, the other modules are engines behind it."""
