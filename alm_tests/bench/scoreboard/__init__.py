"""Out-of-sample scoreboard: policies over recorded and seeded tapes, through the code that decides live."""
