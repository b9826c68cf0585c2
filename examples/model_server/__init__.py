"""A very small model behind the APIs that frameworks speak, for examples that need no account and no network.

`model` reads a conversation and answers; `chat_completions`, `responses` and `messages` know one API each;
`server` is the door. Standard library alone.
"""
