"""The money path: intents, their life, and the calls they make. Pure; everything outside comes through ports."""
